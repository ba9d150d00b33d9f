// The core's words under this module's name, so that an app imports `Tandem` and nothing else.
// What this module gives a shape of its own (`Tandem`, `Account`, `Call`) is not among them.

import TandemFFI

// Accounts.
public typealias AccountInfo = TandemFFI.AccountInfo
public typealias AccountState = TandemFFI.AccountState
public typealias MediaSecurity = TandemFFI.MediaSecurity
public typealias RelayUse = TandemFFI.RelayUse
public typealias SignInProblem = TandemFFI.SignInProblem
public typealias Transport = TandemFFI.Transport

// Calls.
public typealias AudioPath = TandemFFI.AudioPath
public typealias CallDirection = TandemFFI.CallDirection
public typealias CallEvent = TandemFFI.CallEvent
public typealias CallEventUpdate = TandemFFI.CallEventUpdate
public typealias CallInfo = TandemFFI.CallInfo
public typealias CallQuality = TandemFFI.CallQuality
public typealias CallState = TandemFFI.CallState
public typealias CallUpdate = TandemFFI.CallUpdate
public typealias Encryption = TandemFFI.Encryption
public typealias EndReason = TandemFFI.EndReason
public typealias HoldState = TandemFFI.HoldState
public typealias RejectReason = TandemFFI.RejectReason
public typealias SafetyPhrase = TandemFFI.SafetyPhrase
public typealias Trust = TandemFFI.Trust

// History.
public typealias CallRecord = TandemFFI.CallRecord
public typealias HistoryChange = TandemFFI.HistoryChange
public typealias HistoryPage = TandemFFI.HistoryPage
public typealias HistoryUpdate = TandemFFI.HistoryUpdate

// The core and what it asks of the app.
public typealias CertificateVerifier = TandemFFI.CertificateVerifier
public typealias LogLevel = TandemFFI.LogLevel
public typealias LogLine = TandemFFI.LogLine
public typealias LogSink = TandemFFI.LogSink
public typealias SecretStore = TandemFFI.SecretStore
public typealias Stage = TandemFFI.Stage

// Errors and their fields.
public typealias AccountError = TandemFFI.AccountError
public typealias CallError = TandemFFI.CallError
public typealias CertificateError = TandemFFI.CertificateError
public typealias HistoryError = TandemFFI.HistoryError
public typealias IceServerProblem = TandemFFI.IceServerProblem
public typealias LifecycleError = TandemFFI.LifecycleError
public typealias Obstacle = TandemFFI.Obstacle
public typealias PlatformError = TandemFFI.PlatformError
public typealias SoundProblem = TandemFFI.SoundProblem
public typealias StorageProblem = TandemFFI.StorageProblem
public typealias TlsProblem = TandemFFI.TlsProblem
