import ArgumentParser
import Foundation
import Logging

/// `presence serve`. Its flags are the table of `ConfigurationKey`, so they are collected here and read there.
struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run the service.",
        discussion: """
            Every flag is also an environment variable (--callback-url is PRESENCE_CALLBACK_URL) and a key of the \
            file named by --config (callback.url). Flags beat the environment, the environment beats the file.

            \(ConfigurationKey.help)
            """)

    @Argument(parsing: .allUnrecognized, help: ArgumentHelp("See below.", valueName: "flags"))
    var flags: [String] = []

    func run() async throws {
        try await exitingWithSentence {
            let environment = ProcessInfo.processInfo.environment
            let configuration = try ServiceConfiguration(flags: flags, environment: environment)
            let logger = Logger.service(level: configuration.logLevel)
            for variable in ConfigurationSources.unknownVariables(in: environment) {
                logger.warning(
                    "An environment variable is none of this service's and has no effect",
                    metadata: ["variable": "\(variable)"])
            }
            try await Service(configuration: configuration, logger: logger).run()
        }
    }
}

extension Logger {
    /// To standard error, so that a command's output stays its own.
    static func service(level: Logger.Level) -> Logger {
        var logger = Logger(label: "presence", factory: { StreamLogHandler.standardError(label: $0) })
        logger.logLevel = level
        return logger
    }
}

extension AsyncParsableCommand {
    /// Runs the body; a `StartError` becomes its sentence on standard error and its exit status.
    func exitingWithSentence(_ body: () async throws -> Void) async throws {
        do {
            try await body()
        } catch let error as StartError {
            FileHandle.standardError.write(Data("presence: \(error.message)\n".utf8))
            throw ExitCode(error.code.rawValue)
        }
    }
}
