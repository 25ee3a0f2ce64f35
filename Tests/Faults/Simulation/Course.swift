import PresenceCore
import PresenceStore
import PresenceWorker
import Support

/// One course of events, made of one seed: each step is done to Redis, by the service's own code, and to the model, and
/// then all that stands in Redis is compared with it. Nothing happens but what a step does, so that the same seed makes
/// the same course.
struct Course {
    static let shards = 2
    static let startMs = DrivenServer.startMs

    let server: DrivenServer
    let keys: KeySpace
    let rules: UserModel.Rules
    let platforms: [Platform]
    /// Undelivered events of a shard at which logins are refused.
    let backlogMost: Int
    /// Whether the append-only file tells the course from its beginning.
    let isLogWhole: Bool
    /// Nothing is lost, and clocks go on and on.
    let isCalm: Bool
    var random: SeededGenerator

    var model: Model
    /// The time of Redis, and the latest it was.
    var nowMs = startMs
    var longestMs = startMs
    /// By how much it was set back, all in all.
    var setBackMs = 0
    /// The time of the workers' own clocks, which go on and on.
    var workerNow = ContinuousClock.now
    var workers: [SimulatedWorker] = []
    var workersMade = 0
    var sweeps: [Sweep] = []
    var receiver = SimulatedReceiver()
    /// Sessions that clients were told of.
    var given: [UserID: [SessionID]] = [:]
    /// Calls whose answer was lost and that may be made again.
    var unanswered: [Unanswered] = []
    var generations = 0
    var serials = 0
    /// Changes made by this step, in their order.
    var committed: [Shard: [StatusChange]] = [:]
    var seen = Observation()
    /// What the last dump holds, and when it was made.
    var dump: (model: Model, atMs: Int)?
    /// How often data were lost.
    var losses = 0
    var faults = 0
    /// When grace of each shard began last.
    var lastGraces: [Shard: Int] = [:]
    private(set) var steps: [String] = []
    /// What is done whenever Redis has been compared with the model.
    var onCompared: (@Sendable (_ nowMs: Int) throws -> Void)?

    init(seed: UInt64, server: DrivenServer, isLogWhole: Bool, isCalm: Bool = false) {
        var random = SeededGenerator(seed: seed)
        let all = PlatformTable.builtIn.keys.sorted { $0.name < $1.name }
        let some = Set(all.shuffled(using: &random).prefix(Int.random(in: 2...5, using: &random)))
        platforms = all.filter { some.contains($0) }
        var options = StoreOptions(worker: "")
        options.limits = LoginLimits(
            policy: LoginPolicy.allCases.randomElement(using: &random) ?? .single,
            onLimit: Int.random(in: 0..<3, using: &random) == 0 ? .reject : .kick,
            instances: all.reduce(into: [:]) { $0[$1] = Int.random(in: 1...2, using: &random) })
        options.pushRetentionMs = 600_000
        options.offlineRetentionMs = 900_000
        options.userSigAgeMaxMs = 700_000
        backlogMost = Int.random(in: 0..<4, using: &random) == 0 ? 6 : 10_000
        options.eventsBacklogMax = backlogMost * Self.shards
        options.hasReceiver = true
        self.server = server
        self.isLogWhole = isLogWhole
        self.isCalm = isCalm
        keys = KeySpace(prefix: "s", shards: Self.shards)
        rules = UserModel.Rules(options: options)
        model = Model(Self.users, rules)
        self.random = random
        addWorker()
        addWorker()
    }

    static let users = ["ann", "bob", "cid", "dan", pulse.rawValue].compactMap { try? UserID($0) }
    /// Somebody whose logins show that the receiver serves.
    static let pulse = UserID.example

    /// Does a step of the course, and looks at what came of it.
    mutating func step() async throws {
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<22: try await login()
        case 22..<27: try await heartbeat()
        case 27..<33: try await disconnect()
        case 33..<36: try await logout()
        case 36..<39: try await kick()
        case 39..<43: try await resume()
        case 43..<48: try await repeatUnanswered()
        case 48..<54: try await own()
        case 54..<62: try await sweep()
        case 62..<65: try await continueSweep()
        case 65..<80: try await deliverSomewhere()
        case 80..<89: try await letTimePass()
        case 89..<91: changeMood()
        case 91..<93: loseWorker()
        case 93..<94: try await replay()
        case 94..<96: if !isCalm { try await setClock() }
        default: if isCalm { try await forgetScripts() } else { try await troubleRedis() }
        }
        try await compare()
    }

    mutating func note(_ step: String) { steps.append("\(nowMs - Self.startMs) ms: \(step)") }

    mutating func chance(_ one: Int) -> Bool { Int.random(in: 0..<one, using: &random) == 0 }

    mutating func pick<Element>(_ list: [Element]) -> Element? { list.randomElement(using: &random) }

    /// Takes the changes the model has made of the user: their events are awaited.
    mutating func commit(_ user: UserID) {
        guard let fresh = model.users[user]?.fresh, !fresh.isEmpty else { return }
        model.users[user]?.fresh = []
        committed[keys.shard(of: user), default: []] += fresh
    }
}
