//! Methods that report their progress, and that hear of it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use birpc::{CallError, Context, ErrorObject, Progress};
use serde_json::{Value, json};

use crate::methods::Step;

pub(crate) async fn build(steps: u64, step_ms: Option<u64>, progress: Progress<Step>) -> String {
    let step = Duration::from_millis(step_ms.unwrap_or(0));
    for done in 1..=steps {
        if !step.is_zero() {
            tokio::time::sleep(step).await;
        }
        progress.report(Step { done, total: steps });
    }
    "built".into()
}

pub(crate) async fn build_by(cx: &Context, method: &str, steps: u64) -> Result<Value, ErrorObject> {
    let reports = Arc::new(Mutex::new(Vec::<Value>::new()));
    let heard = reports.clone();
    let progress =
        Progress::to(move |report| heard.lock().unwrap_or_else(PoisonError::into_inner).push(report));
    let call = cx.peer().call::<Value>(method, [steps]).with_progress(progress);
    let result = call.await.map_err(CallError::relay)?;
    let reports = std::mem::take(&mut *reports.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(json!({ "reports": reports, "result": result }))
}
