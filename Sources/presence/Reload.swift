import Callbacks
import Gateway
import Logging
import Logs
import NIOPosix
import PresenceAPI
import ServiceLifecycle
import UnixSignals

/// Changes, on SIGHUP, what may change while the service runs.
///
/// The configuration is read anew and checked as at a start: as it stands there, and as it would count here, where what
/// needs a restart is as before. If either is refused nothing changes.
actor Reload: ServiceLifecycle.Service {
    /// Where the configuration comes from, and what it was at the start.
    struct Origin: Sendable {
        let flags: [String]
        let environment: [String: String]
        /// Trapped before the configuration was read, so that no signal ends the process or is missed.
        let signals: UnixSignalsSequence
        let sources: ConfigurationSources
    }

    /// What is told of a change.
    struct Parts: Sendable {
        let api: PresenceAPI
        let gateway: Gateway
        let callbacks: CallbackSender?
    }

    private let origin: Origin
    private let parts: Parts
    private let logger: Logger
    /// What counts now.
    private var sources: ConfigurationSources
    private var files: [String: [String?]]

    init(_ origin: Origin, _ parts: Parts, logger: Logger) {
        self.origin = origin
        self.parts = parts
        self.logger = logger
        sources = origin.sources
        files = origin.sources.reloadedFiles()
    }

    func run() async {
        for await _ in origin.signals.cancelOnGracefulShutdown() { await readAnew() }
    }

    private func readAnew() async {
        do {
            let news = try await NIOThreadPool.singleton.runIfActive { [origin, sources, files] in
                try News(origin, running: sources, files)
            }
            try await use(news.configuration)
            sources = news.sources
            files = news.files
            logger.log(
                level: news.needsRestart.isEmpty ? .notice : .warning, "The configuration was read anew",
                metadata: .keyed([
                    .changed: "\(Self.list(news.changed))", .needsRestart: "\(Self.list(news.needsRestart))",
                ]))
        } catch {
            logger.error(
                "The configuration cannot be read anew; all stays as it was", metadata: .keyed([.error: "\(error)"]))
        }
    }

    /// What can fail comes first.
    private func use(_ configuration: ServiceConfiguration) async throws {
        let service = Service(configuration: configuration, logger: logger)
        let app = service.compatibleApp
        let tokens = try await service.clientTokens(app)
        if let callback = configuration.callback {
            try parts.callbacks?.use(callback.trusted)
            parts.callbacks?.use(callback.proofs)
        }
        parts.api.use(configuration.keys, app: app)
        parts.gateway.use(tokens, origins: configuration.connect.origins)
        LogSettings.shared.level = configuration.logLevel
    }

    private static func list(_ names: [String]) -> String { names.isEmpty ? "none" : names.joined(separator: ",") }
}

/// A configuration that was read anew.
private struct News: Sendable {
    /// As they count from now on.
    let sources: ConfigurationSources
    let configuration: ServiceConfiguration
    let files: [String: [String?]]
    /// The names of the keys that changed, and count now.
    let changed: [String]
    /// The names of those that differ and count after a restart.
    let needsRestart: [String]

    /// - Throws: `StartError` if it is not accepted.
    init(_ origin: Reload.Origin, running: ConfigurationSources, _ old: [String: [String?]]) throws(StartError) {
        let read = try ConfigurationSources(flags: origin.flags, environment: origin.environment)
        _ = try ServiceConfiguration(read, environment: origin.environment)
        let differing = try running.differences(to: read)
        needsRestart = differing.filter { !$0.isReloaded }.map(\.name)
        sources = running.reloaded(from: read)
        do throws(StartError) {
            configuration = try ServiceConfiguration(sources, environment: origin.environment)
        } catch {
            throw StartError(
                error.code,
                "\(error.message) Beside what is running this does not work: a restart changes all at once.")
        }
        let files = sources.reloadedFiles()
        self.files = files
        changed = ConfigurationKey.all.filter { key in
            key.isReloaded && (differing.contains { $0.name == key.name } || files[key.name] != old[key.name])
        }.map(\.name)
    }
}
