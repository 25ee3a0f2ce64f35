import Support

/// One hand of a user: logs in on one device after the other and lives there for a while, through the backend. Two
/// hands of one user know nothing of each other.
struct Hand: Sendable {
    /// What became of a session in the end.
    private enum End { case there, gone }

    let user: String
    let caller: Caller
    let life: Life
    private var dice: SeededGenerator
    private static let platforms = ["Android", "iPhone", "iPad", "Windows", "Mac", "Linux", "Web", "MiniProgram"]
    private static let instances = ["a", "b", "c"]

    init(_ user: String, _ caller: Caller, _ life: Life, seed: UInt64) {
        self.user = user
        self.caller = caller
        self.life = life
        dice = SeededGenerator(seed: seed)
    }

    /// - Returns: the session it is in at the end.
    mutating func live() async -> String? {
        await pause(0...800)
        while !life.isEnding {
            guard let session = await logIn() else {
                await pause(100...400)
                continue
            }
            let beats = Int.random(in: 1...10, using: &dice)
            guard case .there = await stay(session, beats) else { continue }
            if life.isEnding { return await keep(session) }
            await leave(session)
        }
        return nil
    }

    private mutating func logIn() async -> String? {
        let platform = Self.platforms.randomElement(using: &dice) ?? "Web"
        let call = await caller.login(user, platform, Self.instances.randomElement(using: &dice) ?? "a")
        return call.isOK ? call.session : nil
    }

    private mutating func stay(_ session: String, _ beats: Int) async -> End {
        for _ in 0..<beats where !life.isEnding {
            await pause(250...600)
            if await caller.heartbeat(user, session).isGone { return .gone }
            if Int.random(in: 0..<3, using: &dice) == 0 { _ = await caller.query(user) }
        }
        return .there
    }

    private mutating func leave(_ session: String) async {
        switch Int.random(in: 0..<20, using: &dice) {
        case 0..<5: await again { [caller, user] in await caller.logout(user, session) }
        case 5..<9:
            await again { [caller, user] in await caller.disconnect(user, session) }
            await pause(100...2_000)
        case 9..<13: await fallSilent()
        case 13: await again { [caller, user] in await caller.kick(user) }
        case 14:
            let platform = String(session.prefix { $0 != ":" })
            await again { [caller, user] in await caller.kick(user, platform: platform) }
        // Goes on elsewhere without a word.
        default: break
        }
    }

    /// Repeats what may not have been done, as a client does that wants to be sure.
    private mutating func again(_ call: () async -> Call) async {
        for _ in 0..<3 {
            if await call().isOK || life.isEnding { return }
            await pause(100...500)
        }
    }

    private mutating func fallSilent() async {
        let end = life.nowMs + Int.random(in: 2_000...8_000, using: &dice)
        while !life.isEnding, life.nowMs < end {
            await pause(200...700)
            _ = await caller.query(user)
        }
    }

    /// Heartbeats until all is over.
    /// - Returns: the session, if it is there.
    private mutating func keep(_ session: String) async -> String? {
        var isThere = true
        while !life.isOver {
            await pause(250...500)
            let call = await caller.heartbeat(user, session)
            if call.isGone { return nil }
            isThere = call.isOK
        }
        return isThere ? session : nil
    }

    private mutating func pause(_ range: ClosedRange<Int>) async {
        try? await Task.sleep(for: .milliseconds(Int.random(in: range, using: &dice) * life.slowness))
    }
}
