import Support
import Testing

extension BrowserTests {
    @Test("What a page does not know, and that a heartbeat is not recorded, is a sign of life and no more")
    func signsOfLife() async throws {
        try await ScriptedGateway.with { socket, heard in
            switch heard {
            case .opened:
                // Lost after 2.9 s without a sign.
                socket.welcome(intervalSeconds: 1, timeoutSeconds: 4)
                socket.ping("are you there")
            case .message("heartbeat"):
                socket.send(#"{"type":"\#(socket.heard.count.isMultiple(of: 2) ? "unrecorded" : "weather")","x":[1]}"#)
            default: break
            }
        } body: { gateway in
            try await onPage(of: gateway) { page in
                try await page.event("online")
                try await page.expectOnly(["online"], for: .seconds(8))
                #expect(gateway.sockets.count == 1)
                let socket = try #require(gateway.sockets.first)
                #expect(socket.count(.message("heartbeat")) >= 7)
                #expect(socket.count(.pong("are you there")) == 1)
            }
        }
    }

    @Test(
        "A socket given up before its welcome is closed, unless the session may go on in it: then another has it first")
    func givenUp() async throws {
        try await ScriptedGateway.with { socket, heard in
            guard heard == .opened else { return }
            switch socket.number {
            case 2: socket.welcome(intervalSeconds: 1, timeoutSeconds: 4)
            case 4: socket.send(#"{"type":"weather"}"#)
            default: break
            }
        } body: { gateway in
            try await onPage(of: gateway) { page in
                try await eventually(timeout: .seconds(60), else: "\(gateway.sockets.map(\.heard))") {
                    gateway.sockets.count == 4
                }
                #expect(gateway.sockets.map(\.isClosed) == [true, false, false, false])
                // A welcome that comes too late is nobody's.
                gateway.sockets[2].welcome(resumed: true)
                gateway.sockets[3].welcome(resumed: true)
                try await eventually(else: "\(gateway.sockets.map(\.heard))") {
                    gateway.sockets.map(\.isClosed) == [true, true, true, false]
                }
                let types = try await page.events.map { $0["type"].string ?? "" }
                #expect(types == ["offline", "online", "offline", "offline", "online"])
            }
        }
    }

    @Test("Times longer than a timer of the browser can be are not taken for none")
    func longTimes() async throws {
        let year = 31_536_000.0
        try await ScriptedGateway.with { socket, heard in
            guard heard == .opened else { return }
            if socket.number == 1 { socket.welcome(intervalSeconds: year, timeoutSeconds: 2 * year) }
        } body: { gateway in
            try await onPage(of: gateway) { page in
                try await page.event("online")
                try await page.expectOnly(["online"])
                #expect(gateway.sockets.map(\.heard) == [[.opened]])
                gateway.sockets.first?.close(1013, "retry-after-ms=31536000000")
                let pause = try await page.event("offline")["retryInMs"].int ?? 0
                #expect((3_600_500...3_601_000).contains(pause), "an hour and a first pause")
                try await page.expectOnly(["online", "offline"])
                #expect(gateway.sockets.count == 1)
            }
        }
    }

    @Test("What is no message at all is a sign of life, too, and no more")
    func nonsense() async throws {
        try await ScriptedGateway.with { socket, heard in
            switch heard {
            case .opened: socket.welcome(intervalSeconds: 1, timeoutSeconds: 4)
            case .message("heartbeat"): socket.send(["", "null", "[1]", "{"][socket.heard.count % 4])
            default: break
            }
        } body: { gateway in
            try await onPage(of: gateway) { page in
                try await page.event("online")
                try await page.run("globalThis.onerror = (error) => show({ type: 'defect', reason: String(error) })")
                try await page.event("done")
                try await page.expectOnly(["online", "done"], for: .seconds(6))
                #expect(gateway.sockets.count == 1)
            }
        }
    }

    @Test("A restarting worker says when to come back, as often as it likes; overload adds a pause that grows")
    func askedPauses() async throws {
        try await ScriptedGateway.with { socket, heard in
            guard heard == .opened else { return }
            socket.close(socket.number <= 3 ? 1012 : 1013, "retry-after-ms=7")
        } body: { gateway in
            try await onPage(of: gateway) { page in
                try await eventually(else: "too few losses") {
                    try await page.events.count >= 5
                }
                let pauses = try await page.events.compactMap { $0["retryInMs"].int }
                #expect(pauses.prefix(3) == [7, 7, 7])
                #expect((507...1_007).contains(pauses[3]) && (1_007...2_007).contains(pauses[4]))
            }
        }
    }

    @Test("A listener that fails, or ends the client it listens to, does not disturb it")
    func failingListener() async throws {
        try await ScriptedGateway.with { socket, heard in
            if heard == .opened { socket.welcome() }
        } body: { gateway in
            try await onPage(of: gateway) { page in
                try await page.event("online")
                try await page.run("presence.addEventListener('offline', () => { throw new Error('defect') })")
                try await page.event("done")
                gateway.sockets.first?.drop()
                try await page.event("online", after: 2)
                try await page.run("presence.addEventListener('offline', () => presence.destroy())")
                try await page.event("done", after: 4)
                gateway.sockets.last?.drop()
                try await page.event("offline", after: 5)
                let types = try await page.events.map { $0["type"].string ?? "" }
                try await page.expectOnly(types)
                #expect(gateway.sockets.count == 2)
            }
        }
    }
}
