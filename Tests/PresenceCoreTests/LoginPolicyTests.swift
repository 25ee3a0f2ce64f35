import PresenceCore
import Testing

@Suite struct LoginPolicyTests {
    /// The platforms that exclude each other, policy by policy.
    static let groups: [LoginPolicy: [String]] = [
        .single: ["Android iPhone iPad Windows Mac Linux Web MiniProgram"],
        .dual: ["Android iPhone iPad Windows Mac Linux", "Web MiniProgram"],
        .triple: ["Android iPhone iPad", "Windows Mac Linux", "Web MiniProgram"],
        .multi: ["Android", "iPhone", "iPad", "Windows", "Mac", "Linux", "Web MiniProgram"],
    ]
    static let platforms = PlatformTests.rows.map(\.name)

    static func group(of platform: String, under policy: LoginPolicy) -> Set<String> {
        let groups = groups[policy]!.map { Set($0.split(separator: " ").map(String.init)) }
        return groups.first { $0.contains(platform) }!
    }

    /// The platforms that lose their session to a login of a new device.
    static func losers(
        to platform: String, under policy: LoginPolicy, limit: Int, in table: PlatformTable = PlatformTable()
    ) throws -> Set<String> {
        let limits = LoginLimits(
            policy: policy, instances: table.traits.keys.reduce(into: [:]) { $0[$1] = limit })
        let sessions = table.traits.keys.map { session("\($0):old") }
        let displaced = try limits.rule(for: table.platform(named: platform), in: table)
            .displaced(byLoginOf: "\(platform):new", among: sessions)
        return Set(displaced.map(\.id.platform.name))
    }

    @Test("With one instance each, a login leaves nobody else in its group", arguments: LoginPolicy.allCases, platforms)
    func oneInstance(_ policy: LoginPolicy, _ platform: String) throws {
        #expect(try Self.losers(to: platform, under: policy, limit: 1) == Self.group(of: platform, under: policy))
    }

    @Test(
        "With room for more instances, only the other platforms of the group have to go",
        arguments: LoginPolicy.allCases, platforms)
    func roomForMore(_ policy: LoginPolicy, _ platform: String) throws {
        let own: Set = platform == "Web" || platform == "MiniProgram" ? ["Web", "MiniProgram"] : [platform]
        #expect(
            try Self.losers(to: platform, under: policy, limit: 5)
                == Self.group(of: platform, under: policy).subtracting(own))
    }

    @Test("An added platform is in the group of its class")
    func addedPlatform() throws {
        var table = PlatformTable()
        let harmony = try Platform("HarmonyOS")
        table[harmony] = PlatformTraits(platformClass: .mobile, heartbeat: .app, hasPush: true, countsAs: harmony)
        #expect(
            try Self.losers(to: "HarmonyOS", under: .triple, limit: 1, in: table)
                == ["HarmonyOS", "Android", "iPhone", "iPad"])
        #expect(
            try Self.losers(to: "Android", under: .triple, limit: 5, in: table) == ["HarmonyOS", "iPhone", "iPad"])
        #expect(try Self.losers(to: "Mac", under: .triple, limit: 5, in: table) == ["Windows", "Linux"])
        #expect(try Self.losers(to: "HarmonyOS", under: .multi, limit: 1, in: table) == ["HarmonyOS"])
    }

    @Test("A platform that counts as another is in the group of that one, whatever its own class")
    func countingPlatform() throws {
        var table = PlatformTable()
        let tv = try Platform("TV")
        table[tv] = PlatformTraits(platformClass: .desktop, heartbeat: .app, hasPush: false, countsAs: .web)
        #expect(try Self.losers(to: "TV", under: .dual, limit: 1, in: table) == ["TV", "Web", "MiniProgram"])
        #expect(try Self.losers(to: "Mac", under: .triple, limit: 5, in: table) == ["Windows", "Linux"])
    }

    static func displaced(by device: String, limit: Int, among sessions: [Session]) throws -> [String] {
        let platform = try Platform(String(device.prefix { $0 != ":" }))
        let limits = LoginLimits(policy: .multi, instances: [.android: limit, .web: limit])
        return limits.rule(for: platform, in: PlatformTable()).displaced(byLoginOf: device, among: sessions)
            .map(\.id.device)
    }

    @Test("Over the instance limit the session with the oldest login goes, as many as it takes")
    func oldestGoes() throws {
        let three = [
            session("Android:b", login: 20), session("Android:a", login: 30), session("Android:c", login: 10),
        ]
        #expect(try Self.displaced(by: "Android:new", limit: 4, among: three) == [])
        #expect(try Self.displaced(by: "Android:new", limit: 3, among: three) == ["Android:c"])
        #expect(try Self.displaced(by: "Android:new", limit: 2, among: three) == ["Android:c", "Android:b"])
        #expect(
            try Self.displaced(by: "Android:new", limit: 1, among: three) == ["Android:c", "Android:b", "Android:a"])
    }

    @Test("MiniProgram counts against the limit of Web")
    func miniProgram() throws {
        let two = [session("MiniProgram:a", login: 1), session("Web:a", login: 2)]
        #expect(try Self.displaced(by: "Web:new", limit: 3, among: two) == [])
        #expect(try Self.displaced(by: "Web:new", limit: 2, among: two) == ["MiniProgram:a"])
        #expect(try Self.displaced(by: "MiniProgram:new", limit: 2, among: two) == ["MiniProgram:a"])
        #expect(try Self.displaced(by: "MiniProgram:new", limit: 1, among: two) == ["MiniProgram:a", "Web:a"])
    }

    @Test("A session reachable by push only counts: it is logged in")
    func pushOnlineCounts() throws {
        let two = [session("Android:a", login: 1, status: .pushOnline), session("Android:b", login: 2)]
        #expect(try Self.displaced(by: "Android:new", limit: 2, among: two) == ["Android:a"])
    }

    @Test("A session of the same device is replaced: it neither counts nor stands in the way")
    func sameDevice() throws {
        let two = [session("Android:a", login: 1), session("Android:b", login: 2)]
        #expect(try Self.displaced(by: "Android:a", limit: 2, among: two) == [])
        #expect(try Self.displaced(by: "Android:a", limit: 1, among: two) == ["Android:b"])
    }

    @Test("Without configuration there is one instance of each platform, under policy single, and the newcomer wins")
    func defaults() {
        let limits = LoginLimits()
        #expect(limits.policy == .single)
        for platform in PlatformTable.builtIn.keys {
            let rule = limits.rule(for: platform, in: PlatformTable())
            #expect(rule.limit == 1)
            #expect(rule.onLimit == .kick)
        }
    }
}
