import PresenceCore

extension StoreOptions {
    /// The options of a worker that has these rules, as a command needs them that acts or explains as the workers do.
    /// A rule that is missing, or that this version cannot read, has its default.
    package init(worker: String, rules: SharedRules) {
        self.init(worker: worker)
        func number(_ name: String, _ number: inout Int) {
            if let value = rules.values[name].flatMap({ Int($0) }) { number = value }
        }
        number("push.retention-ms", &pushRetentionMs)
        number("offline.retention-ms", &offlineRetentionMs)
        number("events.retention-ms", &eventsRetentionMs)
        number("events.backlog-max", &eventsBacklogMax)
        number("outage.gap-ms", &outageGapMs)
        number("app.usersig-max-age-ms", &userSigAgeMaxMs)
        hasReceiver = rules.hasReceiver
        limits.policy = rules.values["login.policy"].flatMap { LoginPolicy(rawValue: $0) } ?? limits.policy
        limits.onLimit = rules.values["login.on-limit"].flatMap { OnLimit(rawValue: $0) } ?? limits.onLimit
        for entry in rules.values["login.limits"]?.split(separator: ",") ?? [] {
            let parts = entry.split(separator: "=")
            if parts.count == 2, let platform = try? Platform(String(parts[0])), let limit = Int(parts[1]) {
                limits.instances[platform] = limit
            }
        }
        var traits: [Platform: PlatformTraits] = [:]
        for (name, text) in rules.values where name.hasPrefix("platforms.") {
            guard let platform = try? Platform(String(name.dropFirst("platforms.".count))) else { continue }
            traits[platform] = PlatformTraits(rule: text)
        }
        if !traits.isEmpty { platforms = PlatformTable(traits) }
    }
}

extension PlatformTraits {
    /// Reads `class=browser interval-ms=25000 timeout-ms=60000 push=false counts-as=Web`; nil if it is none.
    fileprivate init?(rule text: String) {
        var fields: [Substring: Substring] = [:]
        for field in text.split(separator: " ") {
            let parts = field.split(separator: "=", maxSplits: 1)
            if parts.count == 2 { fields[parts[0]] = parts[1] }
        }
        guard let platformClass = fields["class"].flatMap({ PlatformClass(rawValue: String($0)) }),
            let interval = fields["interval-ms"].flatMap({ Int($0) }),
            let timeout = fields["timeout-ms"].flatMap({ Int($0) }),
            let countsAs = fields["counts-as"].flatMap({ try? Platform(String($0)) })
        else { return nil }
        self.init(
            platformClass: platformClass, heartbeat: HeartbeatTiming(intervalMs: interval, timeoutMs: timeout),
            hasPush: fields["push"] == "true", countsAs: countsAs)
    }
}
