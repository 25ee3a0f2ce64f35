import PresenceClient
import Support

/// A user whose client holds a WebSocket to one worker and then to another.
struct SocketUser: Sendable {
    let user: String
    let urls: [String]
    let life: Life
    let recorder: Recorder
    private var dice: SeededGenerator
    private static let platforms = ["Android", "Windows", "Web"]

    init(_ user: String, _ urls: [String], _ life: Life, _ recorder: Recorder, seed: UInt64) {
        self.user = user
        self.urls = urls
        self.life = life
        self.recorder = recorder
        dice = SeededGenerator(seed: seed)
    }

    /// - Returns: the session it is in at the end.
    mutating func live() async -> String? {
        while !life.isEnding {
            let platform = Self.platforms.randomElement(using: &dice) ?? "Web"
            guard
                var configuration = try? PresenceClient.Configuration(
                    url: urls.randomElement(using: &dice) ?? "", user: user, platform: platform)
            else { return nil }
            configuration.instance = "socket"
            (configuration.pauseMin, configuration.pauseMax) = (.milliseconds(100), .seconds(1))
            let client = PresenceClient(configuration)
            let watch = SocketWatch(user, "\(platform):socket", recorder)
            let events = client.events
            let reader = Task { for await event in events { watch.see(event) } }
            client.start()
            let stayMs = Int.random(in: 1_000...9_000, using: &dice)
            let until = life.nowMs + stayMs * life.slowness
            while !life.isEnding, life.nowMs < until, !watch.isFinal { await pause(50) }
            if life.isEnding {
                while !life.isOver, !watch.isFinal { await pause(50) }
                let session = watch.current
                client.close()
                reader.cancel()
                return session
            }
            await leave(client, watch)
            _ = await reader.value
            watch.close()
        }
        return nil
    }

    private mutating func leave(_ client: PresenceClient, _ watch: SocketWatch) async {
        if watch.isFinal { return }
        guard Bool.random(using: &dice) else { return client.close() }
        var call = Call(.logout, user, begunMs: recorder.nowMs)
        (call.device, call.isSocket, call.session) = (watch.device, true, watch.latest)
        do {
            try await client.logout()
            call.outcome = .ok
        } catch {
            (call.outcome, call.why) = (.unknown, "\(error)")
        }
        call.endedMs = recorder.nowMs
        recorder.add(call)
        client.close()
    }

    private func pause(_ ms: Int) async { try? await Task.sleep(for: .milliseconds(ms)) }
}
