// PresenceCore: the rules of presence as pure values.
//
// Promises: every identifier is valid once it exists, every rule (who displaces whom, which status a
// user has, what a lost connection means) is decided by a pure function of its arguments.
// Does not: read a clock, talk to Redis, know HTTP.

/// A value from outside that breaks a rule. `field` names it as the caller wrote it, `message` says
/// what would be accepted; both are safe to show to a client.
package struct InvalidInput: Error, Equatable, Sendable {
    package let field: String
    package let message: String

    package init(field: String, message: String) {
        self.field = field
        self.message = message
    }
}
