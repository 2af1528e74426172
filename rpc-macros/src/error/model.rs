//! The model of an error type: its variants with their codes and data.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Field, Fields, Ident, LitStr, Member, Path, Type, Variant as Syntax};

use super::parse::{TypeKeys, VariantKeys, message, take_field_name};
use crate::errors::Errors;
use crate::private::Private;

/// An enum, or a struct as an enum with one variant.
pub(super) struct ErrorType {
    pub(super) ident: Ident,
    pub(super) generics: syn::Generics,
    pub(super) variants: Vec<Variant>,
    /// The key `schema`, if given.
    pub(super) schema: Option<Path>,
    /// The path of `::birpc::__private` in the user's crate.
    pub(super) private: Private,
}

/// A variant of the error.
pub(super) struct Variant {
    /// The name, for diagnostics.
    pub(super) ident: Ident,
    /// `Self::Name`, or `Self` for a struct.
    pub(super) path: TokenStream,
    pub(super) keys: VariantKeys,
    /// What its message says, before its fields are put in.
    pub(super) message: LitStr,
    pub(super) shape: Shape,
    pub(super) fields: Vec<VariantField>,
}

/// The form of a variant's fields.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Named,
    Unnamed,
    Unit,
}

/// A field of a variant.
pub(super) struct VariantField {
    pub(super) member: Member,
    /// The variable for the field's value. It is not named like the field, since a constant may have that
    /// name.
    pub(super) binding: Ident,
    /// The name on the wire; unused for unnamed fields.
    pub(super) name: LitStr,
    pub(super) ty: Type,
}

impl ErrorType {
    /// `None` for a union, which is reported.
    pub(super) fn new(mut input: DeriveInput, errors: &mut Errors) -> Option<Self> {
        let (keys, variants) = match input.data {
            Data::Enum(data) => {
                let keys = TypeKeys::of_enum(&mut input.attrs, errors);
                let variants = data.variants.into_iter();
                (keys, variants.map(|it| Variant::of_enum(it, errors)).collect())
            }
            Data::Struct(data) => {
                let (keys, of_variant) = TypeKeys::of_struct(&mut input.attrs, errors);
                let (ident, said) = (input.ident.clone(), message(&input.attrs, &input.ident));
                let variant = Variant::new(ident, quote!(Self), of_variant, said, data.fields, errors);
                (keys, vec![variant])
            }
            Data::Union(data) => {
                errors.at(data.union_token, "an error must be an enum or a struct");
                return None;
            }
        };
        Some(Self {
            ident: input.ident,
            generics: input.generics,
            variants,
            schema: keys.schema,
            private: Private::new(keys.krate.as_ref()),
        })
    }

    /// The variant that receives every error that no other variant does.
    pub(super) fn transparent(&self) -> Option<&Variant> {
        let mut variants = self.variants.iter();
        variants.find(|it| it.keys.transparent.is_some())
    }
}

impl Variant {
    fn of_enum(mut syntax: Syntax, errors: &mut Errors) -> Self {
        let keys = VariantKeys::take(&mut syntax.attrs, errors);
        let path = &syntax.ident;
        let (path, said) = (quote!(Self::#path), message(&syntax.attrs, path));
        Self::new(syntax.ident, path, keys, said, syntax.fields, errors)
    }

    fn new(
        ident: Ident,
        path: TokenStream,
        keys: VariantKeys,
        message: LitStr,
        fields: Fields,
        errors: &mut Errors,
    ) -> Self {
        let shape = match fields {
            Fields::Named(_) => Shape::Named,
            Fields::Unnamed(_) => Shape::Unnamed,
            Fields::Unit => Shape::Unit,
        };
        let fields = fields.into_iter().enumerate();
        Self {
            ident,
            path,
            keys,
            message,
            shape,
            fields: fields.map(|(index, field)| VariantField::new(index, field, errors)).collect(),
        }
    }
}

impl VariantField {
    fn new(index: usize, mut field: Field, errors: &mut Errors) -> Self {
        let given = take_field_name(&mut field.attrs, field.ident.is_some(), errors);
        // If the type cannot be sent, its use is underlined as well.
        let span = Span::mixed_site().located_at(field.ty.span());
        let binding = format_ident!("field{index}_", span = span);
        let own = field.ident.as_ref().unwrap_or(&binding);
        let own = LitStr::new(&own.unraw().to_string(), own.span());
        let member = field.ident.map_or_else(|| Member::from(index), Member::Named);
        Self { member, name: given.unwrap_or(own), binding, ty: field.ty }
    }
}
