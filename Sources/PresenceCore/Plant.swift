#if DEBUG
    import Foundation
#endif

/// Faults put back on purpose, to show that the fault suite finds them. There are none in a release build.
package enum Plant: String, Sendable, CaseIterable {
    /// A login that is repeated makes a second change with the id of the first.
    case repeatedCallTwoChanges = "repeated-call-two-changes"
    /// Of what a user's operations answered only the last is remembered.
    case loginDoneTwice = "login-done-twice"
    /// Settling that is late counts as an outage, and opens a grace.
    case graceBySlowRound = "grace-by-slow-round"
    /// The cursor goes where it is put, whatever event stands there.
    case acknowledgedUnread = "acknowledged-unread"
    /// An event set aside that is refused for good never becomes a dead letter.
    case stuckBehindFailing = "stuck-behind-failing"

    #if DEBUG
        /// What is planted for all that the body of `withValue` calls.
        @TaskLocal package static var here: Plant?

        private static let variable = "PRESENCE_PLANT"
        private static let ofProcess = ProcessInfo.processInfo.environment[variable].flatMap(Plant.init)

        /// What is planted: by the caller, or in the whole process by PRESENCE_PLANT.
        package static var planted: Plant? { here ?? ofProcess }

        /// Whether the environment's variable of this name plants one.
        package static func isPlanted(by variable: String) -> Bool { variable == self.variable && ofProcess != nil }
    #else
        package static var planted: Plant? { nil }
        package static func isPlanted(by variable: String) -> Bool { false }
    #endif
}
