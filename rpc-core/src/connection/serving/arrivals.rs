//! Decides whether an incoming call runs, waits for its turn or is refused.

use std::borrow::Cow;
use std::sync::Arc;

use super::Serving;
use crate::connection::admission::{self, Applicant, Bound, past_limit};
use crate::connection::first_poll::Unstarted;
use crate::dispatch::Route;
use crate::message::{ErrorObject, Extensions, Id};
use crate::multiplexer::Admission;
use crate::observe::ObservedServed;
use crate::served_call::ServedCall;
use crate::served_streams::ServedStreams;

/// The decision about an incoming call.
pub(in crate::connection) enum Admitted<'t> {
    /// Its handler is to be polled now.
    Run(Unstarted<'t>),
    /// It starts later, when its turn comes.
    Parked,
    Refused(Option<Id>, Box<ErrorObject>),
    /// It is a notification that exceeds a limit and must not be dropped.
    NoRoom(Box<ErrorObject>),
}

/// The operations for a call that arrives.
pub(in crate::connection) struct Arrivals<'s>(&'s mut Serving);

impl<'s> Arrivals<'s> {
    #[inline]
    pub(super) fn of(serving: &'s mut Serving) -> Self {
        Self(serving)
    }

    /// Decides whether a request or a notification is served. `credit`: the bytes of credit that a
    /// notification of `birpc.v1` holds, otherwise 0. `congested`: no handler may start now.
    pub(in crate::connection) fn admit<'t>(
        mut self,
        id: Option<Id>,
        batch: Option<usize>,
        method: &str,
        (params, extensions): (Option<&'t str>, Extensions<'_>),
        (credit, congested): (usize, bool),
    ) -> Admitted<'t> {
        let applicant = Applicant::new(id.as_ref(), method, batch, &self.0.calls, self.0.overflow);
        let applicant = applicant.credited(credit > 0);
        let (route, permit, bound) = match admission::check(&applicant, &self.0.router, &self.0.shared) {
            Ok(found) => found,
            Err(error) => return self.refuse(&applicant, id.as_ref(), error),
        };
        let extras = admission::accept_extras(&route, &applicant, extensions, params, &self.0.shared);
        let extras = match extras {
            Ok(extras) => extras,
            Err(error) => return self.refuse(&applicant, id.as_ref(), error),
        };
        let bytes = id.as_ref().map_or(0, Id::len) + params.map_or(0, str::len);
        let admission = self.admission(&route, bound, bytes, congested);
        if admission == Admission::Refuse {
            if let (Some(extras), Some(id)) = (&extras, &id)
                && let Some(streams) = extras.streams()
            {
                streams.finish(&self.0.shared, id, &[]);
            }
            let why = self.0.calls.why_refused(self.0.load(congested), &self.0.shared.config().limits);
            return self.refuse(&applicant, id.as_ref(), past_limit(&why).into());
        }
        let method = route.method.clone();
        let mut call = ServedCall::new(self.0.shared.clone(), method, id, batch, route.ordered, credit);
        if let Some(extras) = extras {
            call.set_extras(extras);
        }
        let call = Arc::new(call);
        let (shared, names) = (&self.0.shared, (&*call.method, &route.label));
        let mut observed = ObservedServed::served(shared.id(), shared.meters(), names, call.id.as_ref());
        if let Some(items) = call.streams().and_then(ServedStreams::items_at_end) {
            observed.watch(items);
        }
        if admission == Admission::Run {
            let params = params.map(Cow::Borrowed);
            return Admitted::Run(Unstarted::new(call, route, params, observed, permit));
        }
        let params = params.map(|params| Cow::Owned(params.into()));
        let unstarted = Unstarted::new(call.clone(), route, params, observed, permit);
        self.park(call, unstarted, bound, bytes);
        Admitted::Parked
    }

    #[inline]
    fn admission(&mut self, route: &Route, bound: Bound, bytes: usize, congested: bool) -> Admission {
        let (limits, load) = (&self.0.shared.config().limits, self.0.load(congested));
        if bound != Bound::Limits {
            return match self.0.calls.admit_unlimited(route.ordered, load, limits) {
                Admission::Run if !self.0.slots.take() => Admission::Park,
                admission => admission,
            };
        }
        // The last call may exceed the limit, since reading pauses after it.
        let bytes = if self.0.pause.is_some() { bytes.min(1) } else { bytes };
        match self.0.calls.admit(route.ordered, bytes, load, limits) {
            Admission::Run if !self.0.slots.take() => self.0.calls.admit_later(bytes, load, limits),
            admission => admission,
        }
    }

    /// Refuses a call. A notification that must not be dropped closes the connection instead.
    #[cold]
    fn refuse<'t>(
        &self,
        applicant: &Applicant<'_>,
        id: Option<&Id>,
        error: Box<ErrorObject>,
    ) -> Admitted<'t> {
        match applicant.closes(&self.0.router, &error) {
            true => Admitted::NoRoom(error),
            false => Admitted::Refused(id.cloned(), error),
        }
    }

    /// Parks a call.
    #[inline(never)]
    fn park(&mut self, call: Arc<ServedCall>, start: Unstarted<'static>, bound: Bound, bytes: usize) {
        call.since().begin();
        let counted = Some(bytes).filter(|_| bound == Bound::Limits);
        if bound == Bound::OneWaits {
            self.0.latest.drop_waiting(&call, &mut self.0.calls);
            let key = self.0.calls.park(call.clone(), start, counted);
            self.0.latest.note_waiting(&call, key);
        } else {
            self.0.calls.park(call, start, counted);
        }
        self.0.publish();
    }

    /// Counts a call that is refused, and logs it if it gets no reply.
    pub(in crate::connection) fn note_refused(&self, id: Option<&Id>, method: &str, error: &ErrorObject) {
        admission::note_refused(id, method, error, &self.0.router, &self.0.shared);
    }
}
