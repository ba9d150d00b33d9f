//! What a test can make the server do wrong.

use tandem_sip::message::{Method, StatusCode};

/// Faults that strike the next messages.
#[derive(Debug, Default)]
pub(super) struct Faults {
    drops: Vec<Strike<()>>,
    answers: Vec<Strike<StatusCode>>,
}

/// A fault for the next `left` requests of a method, or of any.
#[derive(Debug)]
struct Strike<T> {
    method: Option<Method>,
    left: u32,
    with: T,
}

impl Faults {
    pub fn drop_next(&mut self, method: Option<Method>, count: u32) {
        self.drops.push(Strike {
            method,
            left: count,
            with: (),
        });
    }

    pub fn answer_next(&mut self, method: Method, status: StatusCode, count: u32) {
        self.answers.push(Strike {
            method: Some(method),
            left: count,
            with: status,
        });
    }

    /// Whether a message is lost; responses have no method here.
    pub fn drops(&mut self, method: Option<&Method>) -> bool {
        strike(&mut self.drops, method).is_some()
    }

    /// The status this request gets instead of being served.
    pub fn answers(&mut self, method: &Method) -> Option<StatusCode> {
        strike(&mut self.answers, Some(method))
    }
}

fn strike<T: Copy>(strikes: &mut Vec<Strike<T>>, method: Option<&Method>) -> Option<T> {
    strikes.retain(|strike| strike.left > 0);
    let fits = |wanted: &Option<Method>| wanted.as_ref().is_none_or(|m| Some(m) == method);
    let strike = strikes.iter_mut().find(|strike| fits(&strike.method))?;
    strike.left -= 1;
    Some(strike.with)
}
