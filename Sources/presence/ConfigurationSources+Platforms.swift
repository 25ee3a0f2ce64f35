import PresenceCore

/// The platforms and how many of each may be logged in.
extension ConfigurationSources {
    /// The built-in platforms with the timings of their classes, then what the file says about each.
    func platforms() throws(StartError) -> PlatformTable {
        var timings: [PlatformClass: HeartbeatTiming] = [:]
        for platformClass in PlatformClass.allCases {
            timings[platformClass] = HeartbeatTiming(
                intervalMs: try required(.heartbeatIntervalMs(platformClass)),
                timeoutMs: try required(.heartbeatTimeoutMs(platformClass)))
        }
        var table = PlatformTable()
        for (platform, traits) in table.traits {
            table[platform].heartbeat = timings[traits.platformClass] ?? traits.heartbeat
        }
        var names: [Platform: String] = [:]
        for name in platformNames {
            let (platform, traits) = try self.platform(named: name, in: table, timings: timings)
            if let other = table.nameInOtherCase(name) {
                throw StartError(
                    .configuration,
                    "platforms.\(name) is \(other) in other letters: write platforms.\(other), or another name.")
            }
            if let other = names.updateValue(name, forKey: platform) {
                throw StartError(
                    .configuration, "platforms.\(other) and platforms.\(name) are the same platform: join them.")
            }
            table[platform] = traits
        }
        for (platform, traits) in table.traits where table.traits[traits.countsAs]?.countsAs != traits.countsAs {
            throw refused(
                ConfigurationKey.platform(names[platform] ?? platform.name).countsAs, traits.countsAs.name,
                must: "a platform that counts as itself")
        }
        return table
    }

    private func platform(
        named name: String, in table: PlatformTable, timings: [PlatformClass: HeartbeatTiming]
    ) throws(StartError) -> (Platform, PlatformTraits) {
        let keys = ConfigurationKey.platform(name)
        do {
            let platform = try table.platform(ofAnyName: name)
            let known = table.traits[platform]
            guard let platformClass = try choice(keys.platformClass) ?? known?.platformClass else {
                throw StartError(.configuration, "\(keys.platformClass.name) must be given for a new platform.")
            }
            var traits = PlatformTraits(
                platformClass: platformClass, heartbeat: timings[platformClass] ?? .app,
                hasPush: known?.hasPush ?? (platformClass == .mobile), countsAs: known?.countsAs ?? platform)
            if let interval = try number(keys.intervalMs) { traits.heartbeat.intervalMs = interval }
            if let timeout = try number(keys.timeoutMs) { traits.heartbeat.timeoutMs = timeout }
            if let push = try boolean(keys.push) { traits.hasPush = push }
            if let other = try text(keys.countsAs) {
                traits.countsAs = try table.platform(ofAnyName: other, field: keys.countsAs.name)
            }
            return (platform, traits)
        } catch let error as StartError {
            throw error
        } catch let error as InvalidInput where error.field == keys.countsAs.name {
            throw refused(keys.countsAs, because: error.message)
        } catch {
            throw StartError(
                .configuration,
                "platforms.\(name.debugDescription) is no platform: its name must be 1 to \(Platform.bytesMax) letters "
                    + "or digits.")
        }
    }

    /// The keys that the timing of a platform comes from.
    func heartbeatKeys(
        of platform: Platform, _ platformClass: PlatformClass, in table: PlatformTable
    ) -> [ConfigurationKey] {
        let name = platformNames.first { (try? table.platform(named: $0)) == platform } ?? platform.name
        let own = ConfigurationKey.platform(name)
        return [
            (own.timeoutMs, ConfigurationKey.heartbeatTimeoutMs(platformClass)),
            (own.intervalMs, .heartbeatIntervalMs(platformClass)),
        ].map { given($0) == nil ? $1 : $0 }
    }

    func login(on platforms: PlatformTable) throws(StartError) -> LoginLimits {
        let key = ConfigurationKey.loginLimits
        var limits = LoginLimits(policy: try required(.loginPolicy), onLimit: try required(.loginOnLimit))
        for entry in try list(key) {
            let parts = entry.split(separator: "=", omittingEmptySubsequences: false)
            guard parts.count == 2, let platform = try? platforms.platform(named: String(parts[0])),
                let limit = Int(digits: parts[1]), (1...LoginLimits.instancesMax).contains(limit)
            else {
                let names = platforms.traits.filter { $0.key == $0.value.countsAs }.keys.map(\.name).sorted()
                throw refused(
                    key, entry,
                    must: "a platform's name, = and a number from 1 to \(LoginLimits.instancesMax), the names being "
                        + names.joined(separator: ", "))
            }
            guard platforms[platform].countsAs == platform else {
                throw refused(key, entry, must: "set for \(platforms[platform].countsAs), which \(platform) counts as")
            }
            guard limits.instances.updateValue(limit, forKey: platform) == nil else {
                throw refused(key, entry, must: "the only limit of \(platform), which has another")
            }
        }
        return limits
    }
}
