import PresenceCore
import RedisClient

/// All that Redis has about one user, and about the shard the user is in, read within a few milliseconds of each other.
/// What it means is for others to say. Times are Redis time in milliseconds.
package struct UserFacts: Sendable {
    /// What a session has beside its record. `nil` is a timer that is not there, `noEnd` one that never ends.
    package struct Timers: Sendable, Equatable {
        package static let noEnd = -1

        package var leaseLeftMs: Int?
        package var pushLeftMs: Int?
        /// The number of the client's WebSocket on its worker; nil for a session without one.
        package var link: String?

        package init(leaseLeftMs: Int? = nil, pushLeftMs: Int? = nil, link: String? = nil) {
            self.leaseLeftMs = leaseLeftMs
            self.pushLeftMs = pushLeftMs
            self.link = link
        }
    }

    /// A session that is over, as `recent` remembers it.
    package struct Ended: Sendable, Equatable {
        package var session: SessionID
        package var loginAtMs: Int
        /// Who ended it: the session that displaced it, `""` for a kick; nil if nobody did.
        package var by: String?
        package var rememberedUntilMs: Int

        package init(session: SessionID, loginAtMs: Int, by: String?, rememberedUntilMs: Int) {
            self.session = session
            self.loginAtMs = loginAtMs
            self.by = by
            self.rememberedUntilMs = rememberedUntilMs
        }
    }

    package enum Deadline: Sendable, Equatable {
        case at(Int)
        case none
        /// The Redis user may not ask for it.
        case forbidden
    }

    /// The shard and its background work.
    package struct ShardFacts: Sendable, Equatable {
        package var number: Shard
        /// What the names of its keys begin with: `presence:{071}:`.
        package var keys: String
        package var owner: String?
        package var ownedUntilMs = 0
        package var sweptAtMs: Int?
        package var isOwnerLive = false
        package var graceBeganMs: Int?
        /// Position of the last event that is done.
        package var cursor = "0-0"
        package var backlog = 0
        package var asideCount = 0
        package var deadCount = 0
        /// Position of the oldest event that is kept; nil without any.
        package var firstEvent: String?

        package init(number: Shard, keys: String) {
            self.number = number
            self.keys = keys
        }
    }

    package var presence: UserPresence
    package var nowMs: Int
    package var shard: ShardFacts
    package var timers: [SessionID: Timers] = [:]
    package var ended: [Ended] = []
    package var deadline = Deadline.none
    /// The user's changes in the event log, those set aside and the dead letters, each in the order of its stream.
    package var events: [OutboxEntry] = []
    package var aside: [OutboxEntry] = []
    package var dead: [DeadLetter] = []
    /// Whether the whole log was looked at: it was not too long, and not too many of its changes were the user's.
    package var isLogWhole = true
    /// Those of the user's changes that are delivered, or were dropped, and not in the log any more as that took so long.
    package var late: [OutboxEntry] = []
    /// How many attempts events took that took more than one or were set aside, 0 for one that was dropped, by their ids.
    package var attempts: [String: Int] = [:]
    /// The rules that stand; nil if none do.
    package var rules: SharedRules.Adopted?

    package init(presence: UserPresence, nowMs: Int, shard: ShardFacts) {
        self.presence = presence
        self.nowMs = nowMs
        self.shard = shard
    }

    package var user: UserID { presence.user }

    /// Whether the timers of every session on record were asked for.
    var haveAllTimers: Bool { presence.sessions.allSatisfy { timers[$0.id] != nil } }
}

extension UserFacts.Ended {
    /// Reads a field of `recent`; nil if it is none about a session, or none of ours.
    init?(_ name: String, _ text: String) {
        guard name.hasPrefix("ended:") else { return nil }
        var fields: [Substring: Substring] = [:]
        for field in text.split(separator: " ") {
            let parts = field.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 { fields[parts[0]] = parts[1] }
        }
        guard let device = fields["device"], let session = try? SessionID("\(device):\(name.dropFirst(6))"),
            let login = StoredNumber.time(fields["login"].map(String.init)),
            let until = StoredNumber.time(fields["until"].map(String.init))
        else { return nil }
        self.init(session: session, loginAtMs: login, by: fields["by"].map(String.init), rememberedUntilMs: until)
    }
}
