import PresenceCore
import Support

/// The rules of a run, short enough that sessions end within it: as workers are told them, and as the checker is.
struct RunSettings: Sendable {
    let settings: [String: String]
    let rules: History.Rules

    /// - Parameter more: instead of those of all runs.
    init(_ more: [String: String], seed: UInt64) {
        var dice = SeededGenerator(seed: seed ^ 0x5EED)
        let policy = ["single", "dual", "triple", "multi"].randomElement(using: &dice) ?? "single"
        let all = Deployment.shortTimeouts
            .merging(["events.retention-ms": "3600000", "login.policy": policy, "login.limits": "Web=2,Android=2"]) {
                $1
            }
            .merging(more) { $1 }
        settings = all
        func number(_ key: String) -> Int { all[key].flatMap { Int($0) } ?? 0 }
        var (timeouts, graces) = ([String: Int](), [String: Int]())
        for (platform, traits) in PlatformTable.builtIn {
            timeouts[platform.name] = number("heartbeat.\(traits.platformClass.rawValue)-timeout-ms")
            graces[platform.name] = number("heartbeat.\(traits.platformClass.rawValue)-interval-ms") * 5 / 4
        }
        rules = History.Rules(
            timeoutMs: timeouts, graceMs: graces,
            pushPlatforms: Set(PlatformTable.builtIn.filter(\.value.hasPush).map(\.key.name)),
            pushRetentionMs: number("push.retention-ms"), policy: all["login.policy"] ?? policy,
            limits: ["Web": 2, "Android": 2])
    }
}
