import ArgumentParser
import Foundation
import Logging
import Logs
import PresenceCore
import Telemetry
import UnixSignals

/// `presence serve`. Its flags are the table of `ConfigurationKey`, so they are collected here and read there.
struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run the service.",
        discussion: """
            Every flag is also an environment variable (--callback-url is PRESENCE_CALLBACK_URL) and a key of the \
            file named by --config (callback.url). Flags beat the environment, the environment beats the file. On SIGHUP the keys \
            marked so are read anew, from the file and the files that keys name.

            \(ConfigurationKey.help)
            """)

    @Argument(parsing: .allUnrecognized, help: ArgumentHelp("See below.", valueName: "flags"))
    var flags: [String] = []

    func run() async throws {
        try await exitingWithSentence {
            let environment = ProcessInfo.processInfo.environment
            let signals = await UnixSignalsSequence(trapping: .sighup)
            let sources = try ConfigurationSources(flags: flags, environment: environment)
            // What is refused from here on is told in the form the log has.
            LogSettings.shared.format = try sources.required(.logFormat)
            let configuration = try ServiceConfiguration(sources, environment: environment)
            LogSettings.shared.level = configuration.logLevel
            LoggingSystem.bootstrap(Logger.handler)
            let logger = Logger.service()
            for variable in ConfigurationSources.unknownVariables(in: environment)
            where !Plant.isPlanted(by: variable) {
                logger.warning(
                    "An environment variable is none of this service's and has no effect",
                    metadata: .keyed([.variable: "\(variable)"]))
            }
            let origin = Reload.Origin(flags: flags, environment: environment, signals: signals, sources: sources)
            let service = Service(configuration: configuration, origin: origin, logger: logger)
            Instruments.bootstrap(service.figures)
            try await service.run()
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
            LogOutput.standardError.write(LogLine.refusal("\(error)", as: LogSettings.shared.format))
            exit = (error as? StartError).map { ExitCode($0.code.rawValue) } ?? .failure
        }
        await LogOutput.standardError.flush(within: .milliseconds(500))
        if let exit { throw exit }
    }
}
