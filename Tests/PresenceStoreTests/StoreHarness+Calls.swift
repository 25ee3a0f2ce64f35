import PresenceCore
import RedisClient

@testable import PresenceStore

extension PresenceStore {
    /// One call of the login script, as `login` makes it.
    func loginCall(_ user: UserID, _ session: SessionID, declared: [SessionID] = []) -> ScriptCall<LoginWord> {
        let rule = rule(for: session.platform)
        return ScriptCall(
            Scripts.login,
            keys: userKeys(user) + [keys.lease(user, session), keys.revoked(user)] + timerKeys(user, declared),
            arguments: [
                user.rawValue, session.generation.rawValue, session.device,
                String(platforms[session.platform].heartbeat.timeoutMs), "worker=a",
                rule.excluded.map(\.name).joined(separator: ","), rule.sharing.map(\.name).joined(separator: ","),
                String(rule.limit), rule.onLimit.rawValue, "1000", "", "60000", "600000", "", "",
            ] + declared.map(\.description))
    }

    /// One call of the kick script that ends all sessions, as `kick` makes it.
    func kickCall(_ user: UserID, declared: [SessionID]) -> ScriptCall<KickWord> {
        ScriptCall(
            Scripts.kick, keys: userKeys(user) + [keys.revoked(user)] + timerKeys(user, declared),
            arguments: [
                user.rawValue, Generation.random().rawValue, "", "", "", "1000", "0", "60000", "600000", "", "",
            ]
                + declared.map(\.description))
    }
}
