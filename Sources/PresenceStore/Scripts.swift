import RedisClient

/// The Lua scripts, one per atomic operation; their headers say what they take, return and emit. Behind its first line
/// each gets the parts it names (`-- Uses record user`), and those that these name, each once and in its order.
package enum Scripts {
    package static let login: StoreScript<LoginWord> = script("login_session", PackageResources.login_session_lua)
    package static let revive: StoreScript<ReviveWord> = script("revive_session", PackageResources.revive_session_lua)
    package static let resume: StoreScript<ResumeWord> = script("resume_session", PackageResources.resume_session_lua)
    package static let disconnect: StoreScript<DisconnectWord> = script(
        "disconnect_session", PackageResources.disconnect_session_lua)
    package static let logout: StoreScript<LogoutWord> = script("logout_session", PackageResources.logout_session_lua)
    package static let kick: StoreScript<KickWord> = script("kick_user", PackageResources.kick_user_lua)
    package static let tend: StoreScript<TendWord> = script("tend_shard", PackageResources.tend_shard_lua)
    package static let rearm: StoreScript<RearmWord> = script("rearm_users", PackageResources.rearm_users_lua)
    package static let settle: StoreScript<SettleWord> = script("settle_users", PackageResources.settle_users_lua)
    package static let putOff: StoreScript<PutOffWord> = script("put_off_users", PackageResources.put_off_users_lua)
    package static let own: StoreScript<OwnWord> = script("own_shard", PackageResources.own_shard_lua)
    package static let lower: StoreScript<LowerWord> = script("lower_deadlines", PackageResources.lower_deadlines_lua)
    package static let release: StoreScript<ReleaseWord> = script("release_shard", PackageResources.release_shard_lua)
    package static let noteLayout: StoreScript<LayoutWord> = script("note_layout", PackageResources.note_layout_lua)
    package static let register: StoreScript<RegisterWord> = script(
        "register_worker", PackageResources.register_worker_lua)
    package static let adopt: StoreScript<AdoptWord> = script("adopt_rules", PackageResources.adopt_rules_lua)
    package static let acknowledge: StoreScript<AcknowledgeWord> = script(
        "acknowledge_events", PackageResources.acknowledge_events_lua)
    package static let pass: StoreScript<PassWord> = script("pass_events", PackageResources.pass_events_lua)
    package static let trim: StoreScript<TrimWord> = script("trim_events", PackageResources.trim_events_lua)
    package static let openOutbox: StoreScript<OpenWord> = script("open_outbox", PackageResources.open_outbox_lua)
    package static let finishAside: StoreScript<FinishWord> = script("finish_aside", PackageResources.finish_aside_lua)
    package static let mendCounts: StoreScript<MendWord> = script("mend_counts", PackageResources.mend_counts_lua)
    package static let replay: StoreScript<ReplayWord> = script("replay_dead", PackageResources.replay_dead_lua)
    package static let dropDead: StoreScript<DropWord> = script("drop_dead", PackageResources.drop_dead_lua)

    package static let pageUsers: StoreScript<PageWord> = script("page_users", PackageResources.page_users_lua)

    package static let permissions: StoreScript<PermissionsWord> = script(
        "check_permissions", PackageResources.check_permissions_lua)

    package static let lookAtUsers: StoreScript<LookWord> = script(
        "look_at_users", PackageResources.look_at_users_lua)
    package static let lookAtShard: StoreScript<LookWord> = script(
        "look_at_shard", PackageResources.look_at_shard_lua)
    package static let mendUsers: StoreScript<MendUsersWord> = script("mend_users", PackageResources.mend_users_lua)
    package static let mendBacklog: StoreScript<MendBacklogWord> = script(
        "mend_backlog", PackageResources.mend_backlog_lua)

    /// Those of the service: its Redis user may call all that is in them.
    package static let all = [
        login.known, revive.known, resume.known, disconnect.known, logout.known, kick.known, tend.known, rearm.known,
        settle.known, putOff.known, own.known, lower.known, release.known, noteLayout.known, register.known,
        adopt.known, permissions.known, acknowledge.known, pass.known, trim.known, openOutbox.known, finishAside.known,
        mendCounts.known, replay.known, dropDead.known, pageUsers.known,
    ]

    /// Those of people who look after it.
    package static let ofInspection = [lookAtUsers.known, lookAtShard.known, mendUsers.known, mendBacklog.known]

    /// What scripts share, the more basic before what builds on it.
    static let parts = [
        Part("time", PackageResources.time_lua), Part("record", PackageResources.record_lua),
        Part("user", PackageResources.user_lua), Part("policy", PackageResources.policy_lua),
        Part("change", PackageResources.change_lua), Part("ends", PackageResources.ends_lua),
        Part("recent", PackageResources.recent_lua), Part("silence", PackageResources.silence_lua),
        Part("owner", PackageResources.owner_lua), Part("stream", PackageResources.stream_lua),
        Part("delivery", PackageResources.delivery_lua),
    ]

    struct Part: Sendable {
        let name: String
        let text: String

        init(_ name: String, _ bytes: [UInt8]) {
            self.name = name
            text = String(decoding: bytes, as: UTF8.self)
        }
    }

    /// The first line (`#!lua` and its flags) has to stay the first.
    private static func script<Word>(_ name: String, _ bytes: [UInt8]) -> StoreScript<Word> {
        let text = String(decoding: bytes, as: UTF8.self)
        let lines = text.split(separator: "\n", maxSplits: 1, omittingEmptySubsequences: false)
        var used = names(usedBy: text)
        for part in parts.reversed() where used.contains(part.name) { used.formUnion(names(usedBy: part.text)) }
        let needed = parts.filter { used.contains($0.name) }.map(\.text).joined(separator: "\n")
        return StoreScript(script: RedisScript(name: name, source: "\(lines[0])\n\(needed)\(lines[1])"))
    }

    private static func names(usedBy text: String) -> Set<String> {
        let uses = text.split(separator: "\n").first { $0.hasPrefix("-- Uses ") }
        return Set(uses?.split(separator: " ").dropFirst(2).map(String.init) ?? [])
    }
}
