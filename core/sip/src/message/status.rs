//! Response status codes (RFC 3261 §21 and later registrations).

use std::fmt;

/// A status code, 100–699.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct StatusCode(u16);

macro_rules! statuses {
    ($($code:literal $name:ident $phrase:literal)*) => {
        impl StatusCode {
            $(#[doc = concat!(stringify!($code), " ", $phrase)] pub const $name: Self = Self($code);)*

            /// The phrase its RFC recommends; for an unregistered code that of its class.
            pub const fn default_reason(self) -> &'static str {
                match self.0 {
                    $($code => $phrase,)*
                    ..200 => "Session Progress",
                    200..300 => "OK",
                    300..400 => "Multiple Choices",
                    400..500 => "Bad Request",
                    500..600 => "Server Internal Error",
                    _ => "Busy Everywhere",
                }
            }
        }
    };
}

statuses! {
    100 TRYING "Trying"
    180 RINGING "Ringing"
    181 CALL_IS_BEING_FORWARDED "Call Is Being Forwarded"
    182 QUEUED "Queued"
    183 SESSION_PROGRESS "Session Progress"
    199 EARLY_DIALOG_TERMINATED "Early Dialog Terminated"
    200 OK "OK"
    202 ACCEPTED "Accepted"
    204 NO_NOTIFICATION "No Notification"
    300 MULTIPLE_CHOICES "Multiple Choices"
    301 MOVED_PERMANENTLY "Moved Permanently"
    302 MOVED_TEMPORARILY "Moved Temporarily"
    305 USE_PROXY "Use Proxy"
    380 ALTERNATIVE_SERVICE "Alternative Service"
    400 BAD_REQUEST "Bad Request"
    401 UNAUTHORIZED "Unauthorized"
    402 PAYMENT_REQUIRED "Payment Required"
    403 FORBIDDEN "Forbidden"
    404 NOT_FOUND "Not Found"
    405 METHOD_NOT_ALLOWED "Method Not Allowed"
    406 NOT_ACCEPTABLE "Not Acceptable"
    407 PROXY_AUTHENTICATION_REQUIRED "Proxy Authentication Required"
    408 REQUEST_TIMEOUT "Request Timeout"
    410 GONE "Gone"
    412 CONDITIONAL_REQUEST_FAILED "Conditional Request Failed"
    413 REQUEST_ENTITY_TOO_LARGE "Request Entity Too Large"
    414 REQUEST_URI_TOO_LONG "Request-URI Too Long"
    415 UNSUPPORTED_MEDIA_TYPE "Unsupported Media Type"
    416 UNSUPPORTED_URI_SCHEME "Unsupported URI Scheme"
    417 UNKNOWN_RESOURCE_PRIORITY "Unknown Resource-Priority"
    420 BAD_EXTENSION "Bad Extension"
    421 EXTENSION_REQUIRED "Extension Required"
    422 SESSION_INTERVAL_TOO_SMALL "Session Interval Too Small"
    423 INTERVAL_TOO_BRIEF "Interval Too Brief"
    428 USE_IDENTITY_HEADER "Use Identity Header"
    430 FLOW_FAILED "Flow Failed"
    433 ANONYMITY_DISALLOWED "Anonymity Disallowed"
    439 FIRST_HOP_LACKS_OUTBOUND_SUPPORT "First Hop Lacks Outbound Support"
    469 BAD_INFO_PACKAGE "Bad Info Package"
    480 TEMPORARILY_UNAVAILABLE "Temporarily Unavailable"
    481 CALL_OR_TRANSACTION_DOES_NOT_EXIST "Call/Transaction Does Not Exist"
    482 LOOP_DETECTED "Loop Detected"
    483 TOO_MANY_HOPS "Too Many Hops"
    484 ADDRESS_INCOMPLETE "Address Incomplete"
    485 AMBIGUOUS "Ambiguous"
    486 BUSY_HERE "Busy Here"
    487 REQUEST_TERMINATED "Request Terminated"
    488 NOT_ACCEPTABLE_HERE "Not Acceptable Here"
    489 BAD_EVENT "Bad Event"
    491 REQUEST_PENDING "Request Pending"
    493 UNDECIPHERABLE "Undecipherable"
    494 SECURITY_AGREEMENT_REQUIRED "Security Agreement Required"
    500 SERVER_INTERNAL_ERROR "Server Internal Error"
    501 NOT_IMPLEMENTED "Not Implemented"
    502 BAD_GATEWAY "Bad Gateway"
    503 SERVICE_UNAVAILABLE "Service Unavailable"
    504 SERVER_TIME_OUT "Server Time-out"
    505 VERSION_NOT_SUPPORTED "Version Not Supported"
    513 MESSAGE_TOO_LARGE "Message Too Large"
    555 PUSH_NOTIFICATION_SERVICE_NOT_SUPPORTED "Push Notification Service Not Supported"
    580 PRECONDITION_FAILURE "Precondition Failure"
    600 BUSY_EVERYWHERE "Busy Everywhere"
    603 DECLINE "Decline"
    604 DOES_NOT_EXIST_ANYWHERE "Does Not Exist Anywhere"
    606 NOT_ACCEPTABLE_GLOBAL "Not Acceptable"
    607 UNWANTED "Unwanted"
    608 REJECTED "Rejected"
}

impl StatusCode {
    /// The code as a status; `None` outside 100–699.
    pub const fn new(code: u16) -> Option<Self> {
        match code {
            100..700 => Some(Self(code)),
            _ => None,
        }
    }

    /// The number itself.
    pub const fn code(self) -> u16 {
        self.0
    }

    /// Its first digit, 1–6: an unknown code is treated as x00 of its class (RFC 3261 §8.1.3.2).
    pub const fn class(self) -> u16 {
        self.0 / 100
    }

    /// 1xx: the final answer is still to come.
    pub const fn is_provisional(self) -> bool {
        self.class() == 1
    }

    /// 2xx.
    pub const fn is_success(self) -> bool {
        self.class() == 2
    }

    /// 3xx.
    pub const fn is_redirection(self) -> bool {
        self.class() == 3
    }

    /// 2xx–6xx.
    pub const fn is_final(self) -> bool {
        !self.is_provisional()
    }

    /// 3xx–6xx: final, and not what was asked for.
    pub const fn is_failure(self) -> bool {
        self.class() >= 3
    }
}

impl fmt::Display for StatusCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_six_classes_are_statuses() {
        assert_eq!(StatusCode::new(99), None);
        assert_eq!(StatusCode::new(700), None);
        assert_eq!(StatusCode::new(486), Some(StatusCode::BUSY_HERE));
        let unknown = StatusCode::new(477).unwrap();
        assert_eq!(unknown.default_reason(), "Bad Request");
        assert!(unknown.is_failure() && unknown.is_final() && !unknown.is_success());
        assert!(StatusCode::RINGING.is_provisional() && !StatusCode::RINGING.is_final());
    }
}
