import ArgumentParser
import Foundation
import Logging
import Logs

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
            LoggingSystem.bootstrap(Logger.handler)
            let logger = Logger.service(level: configuration.logLevel)
            for variable in ConfigurationSources.unknownVariables(in: environment) {
                logger.warning(
                    "An environment variable is none of this service's and has no effect",
                    metadata: .keyed([.variable: "\(variable)"]))
            }
            try await Service(configuration: configuration, logger: logger).run()
        }
    }
}

extension AsyncParsableCommand {
    /// Runs the body; an error becomes a sentence on standard error and an exit status. What was logged before is
    /// written when this returns, unless nobody reads it.
    func exitingWithSentence(_ body: () async throws -> Void) async throws {
        var exit: ExitCode?
        do {
            try await body()
        } catch let error as ExitCode {
            exit = error
        } catch {
            LogOutput.standardError.write("presence: \(error)\n")
            exit = (error as? StartError).map { ExitCode($0.code.rawValue) } ?? .failure
        }
        await LogOutput.standardError.flush(within: .milliseconds(500))
        if let exit { throw exit }
    }
}
