import Support

/// One way to fail the service, its Redis, its network or its receiver.
package protocol Nemesis: Sendable {
    /// `kill-redis`
    var name: String { get }
    /// What it has to be run on.
    var needs: Needs { get }
    /// What it may do to promises that it does not break.
    var effect: Effect { get }
    /// How long it is left at work, in milliseconds.
    var holdMs: ClosedRange<Int> { get }

    /// What each round picks one of; most faults are their own only choice.
    var choices: [any Nemesis] { get }

    /// It keeps the whole machine busy, and is run alone.
    var isHeavy: Bool { get }
    /// Users enough, and long enough at work, to see that nothing grows: by whom and for how long, if not told otherwise.
    var soak: Workload.Size? { get }

    /// Makes what it needs in a folder that goes with the run.
    func prepared(in folder: String) async throws -> Needs
    func inject(_ stage: Stage, _ dice: inout SeededGenerator) async throws
    /// Makes everything whole again, whatever was injected.
    func heal(_ stage: Stage) async throws
}

extension Nemesis {
    package var needs: Needs { Needs() }
    package var effect: Effect { .none }
    package var holdMs: ClosedRange<Int> { 800...2_500 }
    package var choices: [any Nemesis] { [self] }
    package var isHeavy: Bool { false }
    package var soak: Workload.Size? { nil }
    package func prepared(in folder: String) async throws -> Needs { needs }
    package func heal(_ stage: Stage) async throws {}
}

/// What a nemesis has to be run on.
package struct Needs: Sendable {
    package enum Redis: Sendable {
        case one, sentinels, cluster
    }

    package var redis = Redis.one
    /// For every server.
    package var arguments: [String] = []
    /// For every worker, beside those of all runs.
    package var settings: [String: String] = [:]
    package var workers = 3
    /// Every worker has a proxy of its own on its way to Redis.
    package var hasProxies = false
    /// Callers have a proxy on their way to each worker.
    package var hasCallerProxies = false
    /// What the server is started by, such as `["env", "NAME=value"]`.
    package var serverLauncher: [String] = []
    /// Of each worker.
    package var workerEnvironments: [[String: String]] = []
    /// Another program than the one that was built, for every other worker.
    package var otherBinary: String?

    package init() {}

    package init(_ redis: Redis = .one, arguments: [String] = [], settings: [String: String] = [:]) {
        self.redis = redis
        self.arguments = arguments
        self.settings = settings
    }

    static let proxies = with { $0.hasProxies = true }

    static func with(_ edit: (inout Needs) -> Void) -> Needs {
        var needs = Needs()
        edit(&needs)
        return needs
    }
}

/// What a fault may do to promises that it does not break.
package struct Effect: Sendable {
    /// Silence may be noticed late while it lasts, and for so long after; nil where it must not be.
    package var delayMs: Int?
    /// Redis' clock and this machine's are not one.
    package var movesServerClock = false

    package static let none = Effect()
    /// A Redis that is away: reconnecting, and the grace of clients who could not heartbeat.
    static let outage = Effect(delayMs: 8_000)
    /// A worker that is away: its shards are taken over within 12 s, and what nobody swept so long opens a grace.
    static let takeover = Effect(delayMs: 16_000)
}
