/// What a course of events showed that may not be.
package struct Violation: Error, Sendable, CustomStringConvertible {
    /// The rule that was broken.
    package enum Invariant: String, Sendable, CaseIterable {
        case answer = "an answer is what the rules say"
        case oneChange = "a repeated call is one change"
        case record = "a record is what the rules say"
        case events = "every change has its one event"
        case timers = "every session has its one timer"
        case deadlines = "a deadline is never later than the first timer's end"
        case counts = "the counts are those of the records"
        case limits = "never more sessions than the policy allows"
        case ownership = "a shard has one owner at a time"
        case grace = "grace begins after an outage, and never else"
        case backlog = "the backlog is what the cursor has not passed"
        case unread = "nothing is acknowledged that was not delivered"
        case body = "an event has one body"
        case order = "a user's events are delivered in order"
        case delivered = "in the end every event is delivered or dead"
        case lasting = "nothing is left without an end"
        case loading = "what is loaded is what was there"
    }

    package var invariant: Invariant
    package var detail: String

    package var description: String { "\(invariant.rawValue): \(detail)" }

    init(_ invariant: Invariant, _ detail: String) {
        self.invariant = invariant
        self.detail = detail
    }
}

/// - Throws: a violation of the invariant where the two differ.
func expect<Value: Equatable>(
    _ found: Value, is expected: Value, _ invariant: Violation.Invariant, _ what: @autoclosure () -> String
) throws(Violation) {
    guard found != expected else { return }
    throw Violation(invariant, "\(what()): \(found), not \(expected)")
}
