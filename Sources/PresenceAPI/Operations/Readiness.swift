/// Whether a worker can serve. What is late or odd but no reason to send clients elsewhere, where it would be no better,
/// is a note.
package struct Readiness: Sendable {
    /// Why this worker should get no traffic, as sentences; empty when ready.
    package var reasons: [String]
    package var notes: [String]
    /// How overdue the most overdue session is whose end this worker has to settle, in milliseconds.
    package var settlementLagMs: Int

    package init(reasons: [String], notes: [String] = [], settlementLagMs: Int = 0) {
        self.reasons = reasons
        self.notes = notes
        self.settlementLagMs = settlementLagMs
    }
}
