import Logging

extension Logger {
    /// For servers of the tests themselves, whose log nobody reads.
    package static var silent: Logger { Logger(label: "silent", factory: { _ in SwiftLogNoOpLogHandler() }) }
}
