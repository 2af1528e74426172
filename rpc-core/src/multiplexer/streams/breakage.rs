//! Faults in how streams end. Tests switch them on to show that they would be noticed.

/// A fault. Outside tests none of them is ever on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Breakage {
    /// A lost connection looks like a complete end.
    DisconnectIsClean,
    /// A cancelled call looks like a complete end.
    CancelIsClean,
    /// The error of an `rpc.done` is ignored.
    DoneForgetsItsError,
    /// An argument whose producer was dropped looks complete.
    DroppedProducerIsClean,
    /// An end replaces the items that came before it.
    EndOvertakesItems,
    /// A consumer that waits is not woken by the end.
    EndWakesNobody,
    /// A consumer that is dropped does not cancel its call.
    CancelIsNotTold,
    /// Arguments continue when their call has been answered.
    ReplyLeavesArguments,
    /// An `rpc.stop` is ignored.
    StopIsIgnored,
    /// Grants wake no producer.
    CreditWakesNobody,
    /// An answered call keeps its names, which the next call with its id then has.
    NamesOutliveTheirCall,
}

#[cfg(not(test))]
impl Breakage {
    #[inline]
    pub(crate) const fn is_on(self) -> bool {
        false
    }
}

#[cfg(test)]
mod switch {
    use std::cell::Cell;

    use super::Breakage;

    thread_local! {
        static ON: Cell<Option<Breakage>> = const { Cell::new(None) };
    }

    impl Breakage {
        pub(crate) fn is_on(self) -> bool {
            ON.get() == Some(self)
        }

        /// Runs something on this thread with a fault, or with none.
        pub(crate) fn during<T>(fault: Option<Self>, run: impl FnOnce() -> T) -> T {
            struct Off;
            impl Drop for Off {
                fn drop(&mut self) {
                    ON.set(None);
                }
            }
            ON.set(fault);
            let _off = Off;
            run()
        }
    }
}
