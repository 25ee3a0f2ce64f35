import RedisClient
import Support
import Testing

/// The connection to Redis breaks after a script was sent and before its reply came: the worker cannot know
/// whether it ran and repeats it.
@Suite("A reply cut off after the command was sent")
struct LostReplyTests {
    @Test("The repeated login, disconnect and logout give one answer and one event each")
    func repeated() async throws {
        try await RedisServer.withRedis { redis in
            try await FaultProxy.withProxy(to: redis.port) { proxy in
                try await CallbackReceiver.withReceiver { receiver in
                    let settings = Deployment.shortTimeouts.merging(
                        [
                            "callback.url": receiver.url, "login.limits": "Android=1",
                            // The proxy shares a busy machine with other tests.
                            "redis.command-timeout-ms": "2500",
                        ]
                    ) { $1 }
                    try await PresenceProcess.withWorker(redis: proxy.url, settings) { worker in
                        try await story(Backend(worker), proxy, receiver)
                    }
                }
            }
        }
    }

    private func story(_ backend: Backend, _ proxy: FaultProxy, _ receiver: CallbackReceiver) async throws {
        proxy.cutReplyOnce(whenRequestContains: "Android:one")
        let first = try await backend.session("ann", "Android", instance: "one")
        #expect(!proxy.isCutPending, "the reply was not cut")

        // The call that displaces a session is the one that names it.
        proxy.cutReplyOnce(whenRequestContains: first)
        let login = try await backend.login("ann", "Android", instance: "one-and-only")
        #expect(!proxy.isCutPending, "the reply was not cut")
        #expect(login.status == 201)
        #expect(login.body["kicked"].list.map { $0["session"].string } == [first])
        let session = try #require(login.body["session"].string)

        proxy.cutReplyOnce(whenRequestContains: "LinkClose")
        let disconnect = try await backend.disconnect("ann", session)
        #expect(!proxy.isCutPending, "the reply was not cut")
        #expect(disconnect.body["status"].string == "PushOnline")
        #expect(disconnect.body["superseded"].bool == false)

        proxy.cutReplyOnce(whenRequestContains: "one-and-only")
        let logout = try await backend.logout("ann", session)
        #expect(!proxy.isCutPending, "the reply was not cut")
        #expect(logout.body["status"].string == "Offline")
        #expect(logout.body["superseded"].bool == false)

        try await eventually(else: "heard \(receiver.changes(of: "ann"))") { receiver.events(of: "ann").count == 4 }
        #expect(
            receiver.changes(of: "ann")
                == ["Login/Register", "Login/Register", "Disconnect/LinkClose", "Logout/Unregister"])
        #expect(receiver.events(of: "ann")[1].kicked == ["Android"])
        expectOrder(receiver.events(of: "ann"), count: 4)
    }
}
