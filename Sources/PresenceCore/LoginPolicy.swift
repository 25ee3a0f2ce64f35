/// Which platforms exclude each other: a login on one removes the sessions on the others of its group.
package enum LoginPolicy: String, Sendable, CaseIterable {
    /// One device at a time: all platforms are one group.
    case single
    /// Apps and browsers side by side: {mobile, desktop}, {browser}.
    case dual
    /// One of each class: {mobile}, {desktop}, {browser}.
    case triple
    /// Every platform alone.
    case multi

    /// Whether a login of one class removes sessions of the other, where the platforms differ.
    func excludes(_ one: PlatformClass, _ other: PlatformClass) -> Bool {
        switch self {
        case .single: true
        case .dual: (one == .browser) == (other == .browser)
        case .triple: one == other
        case .multi: false
        }
    }
}

/// What happens to a login that does not fit beside the sessions there are.
package enum OnLimit: String, Sendable, CaseIterable {
    /// The sessions in the way end; the newcomer is logged in.
    case kick
    /// The newcomer is refused and told which sessions stand in the way.
    case reject
}

/// How many devices may be logged in at once.
package struct LoginLimits: Sendable {
    package static let instancesMax = 100

    package var policy: LoginPolicy
    package var onLimit: OnLimit
    /// Sessions allowed at once per platform; 1 where nothing is said.
    package var instances: [Platform: Int]

    package init(policy: LoginPolicy = .single, onLimit: OnLimit = .kick, instances: [Platform: Int] = [:]) {
        self.policy = policy
        self.onLimit = onLimit
        self.instances = instances
    }

    /// The rule a login on `platform` follows.
    package func rule(for platform: Platform, in table: PlatformTable) -> LoginRule {
        let own = table[platform]
        var rule = LoginRule(excluded: [], sharing: [], limit: instances[own.countsAs] ?? 1, onLimit: onLimit)
        for (other, traits) in table.traits.sorted(by: { $0.key.name < $1.key.name }) {
            if traits.countsAs == own.countsAs {
                rule.sharing.append(other)
            } else if policy.excludes(table[own.countsAs].platformClass, table[traits.countsAs].platformClass) {
                rule.excluded.append(other)
            }
        }
        return rule
    }
}

/// What a login on one platform does to the user's other sessions. PushOnline sessions count: they are
/// logged in. A session of the same device is replaced, it neither counts nor stands in the way.
package struct LoginRule: Hashable, Sendable {
    /// Platforms whose sessions all have to go.
    package var excluded: [Platform]
    /// Platforms that share the instance limit, the login's own among them.
    package var sharing: [Platform]
    /// Sessions there may be on the sharing platforms, the new one included.
    package var limit: Int
    package var onLimit: OnLimit

    /// Whether a session on the platform may have to go.
    package func concerns(_ platform: Platform) -> Bool {
        excluded.contains(platform) || sharing.contains(platform)
    }

    /// The sessions in the way of a login by `device` (`<platform>:<instance>`): all on excluded platforms, and
    /// on the sharing ones those with the oldest login, as many as it takes to get back to the limit.
    ///
    /// The service decides this inside Redis (`login_session.lua`); this is the same rule in a form to reason
    /// with, and the tests hold the script against it.
    package func displaced(byLoginOf device: String, among sessions: [Session]) -> [Session] {
        let others = sessions.filter { $0.id.device != device }
        let sharers = others.filter { sharing.contains($0.id.platform) }.sorted { $0.isOlderLogin(than: $1) }
        return others.filter { excluded.contains($0.id.platform) } + sharers.prefix(max(0, sharers.count + 1 - limit))
    }
}

extension Session {
    /// Order of login. No two logins of a user have the same time.
    package func isOlderLogin(than other: Session) -> Bool {
        loginAtMs < other.loginAtMs
    }
}
