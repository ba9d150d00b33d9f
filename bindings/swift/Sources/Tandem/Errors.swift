// Errors say what a person can act on wherever Swift turns them into text.
//
// The generated errors have a `description` in the core's words but do not say that they have it, so
// that "\(error)" and `localizedDescription` would print the case and its fields. Saying it mends both.

import TandemFFI

extension TandemFFI.AccountError: CustomStringConvertible {}
extension TandemFFI.CallError: CustomStringConvertible {}
extension TandemFFI.CertificateError: CustomStringConvertible {}
extension TandemFFI.HistoryError: CustomStringConvertible {}
extension TandemFFI.LifecycleError: CustomStringConvertible {}
extension TandemFFI.PlatformError: CustomStringConvertible {}
