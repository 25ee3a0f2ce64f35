/// The name of a platform: 1-32 letters and digits. What it means stands in the `PlatformTable`.
package struct Platform: Hashable, Sendable, CustomStringConvertible {
    package static let bytesMax = 32

    package let name: String
    package var description: String { name }

    package init(_ raw: String, field: String = "platform") throws(InvalidInput) {
        guard Self.isValid(raw.utf8) else { throw Self.invalid(field) }
        name = raw
    }

    init(unchecked name: String) { self.name = name }

    static func isValid(_ bytes: some Collection<UInt8>) -> Bool {
        1...bytesMax ~= bytes.count && bytes.allSatisfy(\.isAlphanumeric)
    }

    static func invalid(_ field: String) -> InvalidInput {
        InvalidInput(field: field, message: "must be 1 to \(bytesMax) letters or digits")
    }

    package static let android = Platform(unchecked: "Android")
    package static let iPhone = Platform(unchecked: "iPhone")
    package static let iPad = Platform(unchecked: "iPad")
    package static let windows = Platform(unchecked: "Windows")
    package static let mac = Platform(unchecked: "Mac")
    package static let linux = Platform(unchecked: "Linux")
    package static let web = Platform(unchecked: "Web")
    package static let miniProgram = Platform(unchecked: "MiniProgram")
}

/// What a platform's devices have in common; login policies group by it.
package enum PlatformClass: String, Sendable, CaseIterable {
    case mobile, desktop, browser
}

/// How often a client promises to heartbeat and how long its silence is borne, in milliseconds.
package struct HeartbeatTiming: Hashable, Sendable {
    package var intervalMs: Int
    package var timeoutMs: Int

    package init(intervalMs: Int, timeoutMs: Int) {
        self.intervalMs = intervalMs
        self.timeoutMs = timeoutMs
    }

    /// How long after an outage a client that was Online is not taken for lost: its interval and a quarter.
    package var graceMs: Int { intervalMs + intervalMs / 4 }

    package static let app = HeartbeatTiming(intervalMs: 120_000, timeoutMs: 400_000)
    package static let browser = HeartbeatTiming(intervalMs: 25_000, timeoutMs: 60_000)
}

/// The rules of one platform.
package struct PlatformTraits: Hashable, Sendable {
    package var platformClass: PlatformClass
    package var heartbeat: HeartbeatTiming
    /// A lost client of this platform can still be reached by push: it becomes PushOnline, not Offline.
    package var hasPush: Bool
    /// The platform whose instance limit a session counts against, and as which login policies see it.
    package var countsAs: Platform

    package init(platformClass: PlatformClass, heartbeat: HeartbeatTiming, hasPush: Bool, countsAs: Platform) {
        self.platformClass = platformClass
        self.heartbeat = heartbeat
        self.hasPush = hasPush
        self.countsAs = countsAs
    }

    /// The reason a change carries when silence ended the session: browsers cannot tell silence from a close.
    package var silenceReason: Reason { platformClass == .browser ? .linkClose : .timeOut }
}

/// All platforms the service knows, by name.
package struct PlatformTable: Sendable {
    package private(set) var traits: [Platform: PlatformTraits]
    private let aliases: [String: Platform] = ["iOS": .iPhone]

    package init(_ traits: [Platform: PlatformTraits] = PlatformTable.builtIn) {
        self.traits = traits
    }

    /// The platform a client named, by its name or an alias (`iOS` is iPhone).
    package func platform(named name: String, field: String = "platform") throws(InvalidInput) -> Platform {
        if let platform = aliases[name] { return platform }
        guard let platform = try? Platform(name), traits[platform] != nil else {
            let known = traits.keys.map(\.name).sorted().joined(separator: ", ")
            throw InvalidInput(field: field, message: "must be one of \(known)")
        }
        return platform
    }

    /// The same, or a platform of this name that is not in the table: to be put there, or taken out of it while records
    /// name it still.
    package func platform(ofAnyName name: String, field: String = "platform") throws(InvalidInput) -> Platform {
        if let platform = try? platform(named: name) { return platform }
        return try Platform(name, field: field)
    }

    /// The name or alias that differs from this one by upper and lower case alone; nil if there is none.
    package func nameInOtherCase(_ name: String) -> String? {
        let names = traits.keys.map(\.name) + aliases.keys
        return names.sorted().first { $0 != name && $0.lowercased() == name.lowercased() }
    }

    /// A session string a client gave back; its platform must be in the table.
    package func session(_ raw: String, field: String = "session") throws(InvalidInput) -> SessionID {
        let session = try SessionID(raw, field: field)
        guard traits[session.platform] != nil else {
            throw InvalidInput(field: field, message: "names a platform this service does not know")
        }
        return session
    }

    /// The rules of a platform. One that a configuration change took out of the table, but that records
    /// still name, is treated as a desktop: it ends when it falls silent.
    package subscript(platform: Platform) -> PlatformTraits {
        get {
            traits[platform]
                ?? PlatformTraits(platformClass: .desktop, heartbeat: .app, hasPush: false, countsAs: platform)
        }
        set { traits[platform] = newValue }
    }

    package static let builtIn: [Platform: PlatformTraits] = {
        var table: [Platform: PlatformTraits] = [:]
        func add(_ platforms: [Platform], _ platformClass: PlatformClass, _ timing: HeartbeatTiming, push: Bool) {
            for platform in platforms {
                table[platform] = PlatformTraits(
                    platformClass: platformClass, heartbeat: timing, hasPush: push,
                    countsAs: platform == .miniProgram ? .web : platform)
            }
        }
        add([.android, .iPhone, .iPad], .mobile, .app, push: true)
        add([.windows, .mac, .linux], .desktop, .app, push: false)
        add([.web, .miniProgram], .browser, .browser, push: false)
        return table
    }()
}
