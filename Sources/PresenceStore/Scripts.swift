import RedisClient

/// The Lua scripts, one per atomic operation. `prelude.lua` stands before each; the files' headers say what
/// they take, return and emit.
package enum Scripts {
    package static let login = script("login_session", PackageResources.login_session_lua)
    package static let revive = script("revive_session", PackageResources.revive_session_lua)
    package static let resume = script("resume_session", PackageResources.resume_session_lua)
    package static let disconnect = script("disconnect_session", PackageResources.disconnect_session_lua)
    package static let logout = script("logout_session", PackageResources.logout_session_lua)
    package static let kick = script("kick_user", PackageResources.kick_user_lua)
    package static let settle = script("settle_user", PackageResources.settle_user_lua)
    package static let sweep = script("sweep_shard", PackageResources.sweep_shard_lua)
    package static let putOff = script("put_off_users", PackageResources.put_off_users_lua)
    package static let own = script("own_shard", PackageResources.own_shard_lua)
    package static let release = script("release_shard", PackageResources.release_shard_lua)
    package static let register = script("register_worker", PackageResources.register_worker_lua)
    package static let acknowledge = script("acknowledge_events", PackageResources.acknowledge_events_lua)
    package static let pass = script("pass_events", PackageResources.pass_events_lua)
    package static let openOutbox = script("open_outbox", PackageResources.open_outbox_lua)
    package static let finishAside = script("finish_aside", PackageResources.finish_aside_lua)
    package static let replay = script("replay_dead", PackageResources.replay_dead_lua)

    package static let all = [
        login, revive, resume, disconnect, logout, kick, settle, sweep, putOff, own, release, register, acknowledge,
        pass, openOutbox, finishAside, replay,
    ]

    /// The first line (`#!lua` and its flags) has to stay the first.
    private static func script(_ name: String, _ bytes: [UInt8]) -> RedisScript {
        let lines = String(decoding: bytes, as: UTF8.self).split(
            separator: "\n", maxSplits: 1, omittingEmptySubsequences: false)
        let prelude = String(decoding: PackageResources.prelude_lua, as: UTF8.self)
        return RedisScript(name: name, source: "\(lines[0])\n\(prelude)\(lines[1])")
    }
}
