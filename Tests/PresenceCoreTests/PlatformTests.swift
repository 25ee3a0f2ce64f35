import PresenceCore
import Testing

@Suite struct PlatformTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let name: String
        let platformClass: PlatformClass
        let intervalMs: Int
        let timeoutMs: Int
        let hasPush: Bool
        let countsAs: String
        let silenceReason: Reason
        var testDescription: String { name }

        init(
            _ name: String, _ platformClass: PlatformClass, every intervalMs: Int, timeout timeoutMs: Int,
            push hasPush: Bool, as countsAs: String, silence silenceReason: Reason
        ) {
            self.name = name
            self.platformClass = platformClass
            self.intervalMs = intervalMs
            self.timeoutMs = timeoutMs
            self.hasPush = hasPush
            self.countsAs = countsAs
            self.silenceReason = silenceReason
        }
    }

    static let rows = [
        Row("Android", .mobile, every: 120_000, timeout: 400_000, push: true, as: "Android", silence: .timeOut),
        Row("iPhone", .mobile, every: 120_000, timeout: 400_000, push: true, as: "iPhone", silence: .timeOut),
        Row("iPad", .mobile, every: 120_000, timeout: 400_000, push: true, as: "iPad", silence: .timeOut),
        Row("Windows", .desktop, every: 120_000, timeout: 400_000, push: false, as: "Windows", silence: .timeOut),
        Row("Mac", .desktop, every: 120_000, timeout: 400_000, push: false, as: "Mac", silence: .timeOut),
        Row("Linux", .desktop, every: 120_000, timeout: 400_000, push: false, as: "Linux", silence: .timeOut),
        Row("Web", .browser, every: 25_000, timeout: 60_000, push: false, as: "Web", silence: .linkClose),
        Row("MiniProgram", .browser, every: 25_000, timeout: 60_000, push: false, as: "Web", silence: .linkClose),
    ]

    @Test("The built-in platforms have the documented rules", arguments: rows)
    func builtIn(_ row: Row) throws {
        let table = PlatformTable()
        let platform = try table.platform(named: row.name)
        let traits = table[platform]
        #expect(platform.name == row.name)
        #expect(traits.platformClass == row.platformClass)
        #expect(traits.heartbeat == HeartbeatTiming(intervalMs: row.intervalMs, timeoutMs: row.timeoutMs))
        #expect(traits.hasPush == row.hasPush)
        #expect(traits.countsAs.name == row.countsAs)
        #expect(traits.silenceReason == row.silenceReason)
    }

    @Test("There are no built-in platforms but these")
    func closed() {
        #expect(Set(PlatformTable.builtIn.keys.map(\.name)) == Set(Self.rows.map(\.name)))
    }

    @Test("iOS is another name of iPhone")
    func alias() throws {
        #expect(try PlatformTable().platform(named: "iOS") == .iPhone)
    }

    @Test(
        "An unknown platform is refused with those there are",
        arguments: ["", "android", "HarmonyOS", "Web:1", "We b"])
    func unknown(_ name: String) {
        let error = #expect(throws: InvalidInput.self) { try PlatformTable().platform(named: name) }
        let known = "Android, Linux, Mac, MiniProgram, Web, Windows, iPad, iPhone"
        #expect(error == InvalidInput(field: "platform", message: "must be one of \(known)"))
    }

    @Test("A platform's name is 1 to 32 letters and digits")
    func names() throws {
        #expect(try Platform(String(repeating: "T", count: 32)).name.count == 32)
        for name in ["", String(repeating: "T", count: 33), "T V", "T:V", "T,V", "Télé"] {
            #expect(throws: InvalidInput.self) { try Platform(name) }
        }
    }

    @Test("A platform can be added, and a built-in one changed")
    func configured() throws {
        var table = PlatformTable()
        let harmony = try Platform("HarmonyOS")
        table[harmony] = PlatformTraits(platformClass: .mobile, heartbeat: .app, hasPush: true, countsAs: harmony)
        table[.mac].hasPush = true
        #expect(try table.platform(named: "HarmonyOS") == harmony)
        #expect(try table.session("HarmonyOS:1:g").platform == harmony)
        #expect(table[harmony].hasPush)
        #expect(table[.mac].hasPush)
        #expect(!PlatformTable()[.mac].hasPush)
    }

    @Test("A session of a platform not in the table is refused, yet one on record ends as a desktop does")
    func removed() throws {
        let table = PlatformTable()
        let error = #expect(throws: InvalidInput.self) { try table.session("Fridge:1:g") }
        #expect(error?.field == "session")
        let traits = table[try Platform("Fridge")]
        #expect(!traits.hasPush)
        #expect(traits.heartbeat == .app)
        #expect(traits.silenceReason == .timeOut)
    }
}
