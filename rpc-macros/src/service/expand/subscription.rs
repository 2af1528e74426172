//! The form of a subscription, as the core takes it.

use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;

use super::super::model::Method;
use super::Names;

/// A `&'static SubscriptionForm`, if the method has one.
pub(super) fn form(method: &Method, names: &Names<'_>) -> Option<TokenStream> {
    let subscription = method.subscription.as_ref()?;
    let private = &names.service.private;
    let (notification, unsubscribe) = (&subscription.notification, &subscription.unsubscribe);
    let (end, ids) = (&subscription.end, &subscription.ids);
    let site = Span::mixed_site();
    Some(quote_spanned! {site=>
        const {
            &#private::subscription_form(
                #notification,
                #unsubscribe,
                #private::BadEnd::#end,
                #private::SubscriptionIds::#ids,
            )
        }
    })
}
