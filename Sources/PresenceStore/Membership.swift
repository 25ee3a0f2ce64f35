import PresenceCore

/// What a worker says of itself with every sign of life, as it stands in `presence:workers`:
/// `host-Ab3dE6 level=1 rules=3fa9c2d41b07 receiver=yes version=1.2.0 clock=-12`.
package struct WorkerSaying: Hashable, Sendable {
    /// Percent-encoded as in records.
    package var worker: String
    /// The newest form of records, streams and notices it reads and writes.
    package var level: Int
    package var rules: SharedRules.Digest
    package var hasReceiver: Bool
    /// Of the program.
    package var version: String?
    /// What its machine's clock said minus what Redis' did, in ms, when they last differed otherwise than said before.
    package var clockMs: Int?

    package init(
        worker: String, level: Int, rules: SharedRules.Digest, hasReceiver: Bool, version: String? = nil,
        clockMs: Int? = nil
    ) {
        self.version = version
        self.clockMs = clockMs
        self.worker = worker
        self.level = level
        self.rules = rules
        self.hasReceiver = hasReceiver
    }

    /// Reads one; a name alone says nothing of level and rules. nil if it is none.
    package init?(_ text: String) {
        let parts = text.split(separator: " ")
        guard let worker = parts.first else { return nil }
        func value(_ name: String) -> String? {
            parts.first { $0.hasPrefix(name + "=") }.map { String($0.dropFirst(name.count + 1)) }
        }
        self.init(
            worker: String(worker), level: value("level").flatMap { Int($0) } ?? Layout.levelMin,
            rules: value("rules") ?? "", hasReceiver: value("receiver") == "yes", version: value("version"),
            clockMs: value("clock").flatMap { Int($0) })
    }

    package var text: String {
        "\(worker) level=\(level) rules=\(rules) receiver=\(hasReceiver ? "yes" : "no")"
            + (version.map { " version=\($0)" } ?? "") + (clockMs.map { " clock=\($0)" } ?? "")
    }
}

/// Who works on this Redis, and by which rules: what one sign of life learns.
package struct Membership: Sendable {
    /// Workers heard of lately, this one among them.
    package var live: [WorkerSaying]
    /// nil where none stand, as after a FLUSHALL.
    package var rules: SharedRules.Adopted?
    /// Redis time of the call in milliseconds.
    package var nowMs: Int

    package init(live: [WorkerSaying], rules: SharedRules.Adopted?, nowMs: Int) {
        self.live = live
        self.rules = rules
        self.nowMs = nowMs
    }

    /// The level all live workers understand.
    package var level: Int { live.map(\.level).min() ?? Layout.levelMin }
}

/// How presence is laid out in Redis, and how far that may grow.
package enum Layout {
    /// Names the layout in `presence:meta`. Another one is refused: it cannot be read.
    static let name = "2"
    /// What the first one is called, which had no name.
    static let unnamed = "1"
    static let levelMin = 1
    /// The newest form of records, streams and notices this version reads and writes. What is new in a level is read at
    /// once and written only while every live worker understands it (`PresenceStore/level`), so that workers of two
    /// versions can run side by side and the newer one can be taken back.
    package static let level = 1
}
