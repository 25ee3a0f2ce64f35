import CZlib
import Foundation
import NIOHTTP1
import Support
import Testing
import UserSig

@Suite("A client that logs in with a usersig")
struct RevocationTests {
    @Test("It is let in with a good one of its own, and with no other")
    func login() async throws {
        try await CompatibleWorker.with { worker in
            #expect(try await worker.login("ann", "Web", userSig: CompatibleWorker.userSig("ann")).status == 201)
            let stranger = UserSigKey(sdkAppID: CompatibleWorker.sdkAppID, secretKey: "another")
            let bad = [
                CompatibleWorker.userSig("ann", after: -3_601), CompatibleWorker.userSig("bob"), "nonsense", "",
                CompatibleWorker.userSig("ann", key: stranger),
            ]
            for sig in bad {
                let answer = try await worker.login("ann", "iPhone", userSig: sig)
                #expect(answer.status == 401, "\(answer.text)")
                #expect(answer.body["code"].string == "invalid-usersig")
                #expect(answer.headers["WWW-Authenticate"] == ["UserSig"])
            }
            #expect(try await worker.status(of: "ann")["Detail"].list.compactMap(\.platformStatus) == ["Web Online"])
        }
    }

    @Test("It cannot where there is no key to check it with, and is told so")
    func withoutKey() async throws {
        try await CompatibleWorker.with(["app.id": "", "app.secret-key": "", "app.admins": ""]) { worker in
            let answer = try await worker.login("ann", "Web", userSig: CompatibleWorker.userSig("ann"))
            #expect(answer.status == 400)
            #expect(answer.body["field"].string == "userSig")
        }
    }

    @Test("A kick revokes every usersig issued before it, also in its own second; one issued after its answer works")
    func kick() async throws {
        try await CompatibleWorker.with { worker in
            let old = CompatibleWorker.userSig("ann", after: -60)
            #expect(try await worker.login("ann", "Web", userSig: old).status == 201)
            let fresh = CompatibleWorker.userSig("ann")
            #expect(try await worker.call("im_open_login_svc/kick", #"{"UserID":"ann"}"#).code == 0)
            let new = CompatibleWorker.userSig("ann")
            for sig in [old, fresh] {
                let answer = try await worker.login("ann", "Web", userSig: sig)
                #expect(answer.status == 401)
                #expect(answer.body["code"].string == "invalid-usersig")
            }
            #expect(try await worker.backend.status("ann") == "Offline")
            #expect(try await worker.login("ann", "Web", userSig: new).status == 201)
            #expect(
                try await worker.login("bob", "Web", userSig: CompatibleWorker.userSig("bob", after: -60)).status == 201
            )
        }
    }

    @Test("The native kick leaves usersigs alone; an administrator's own calls outlive their kick")
    func others() async throws {
        try await CompatibleWorker.with { worker in
            let sig = CompatibleWorker.userSig("ann", after: -60)
            _ = try await worker.backend.kick("ann")
            #expect(try await worker.login("ann", "Web", userSig: sig).status == 201)
            let query = CompatibleWorker.query(userSig: CompatibleWorker.userSig("administrator", after: -60))
            for _ in 0..<2 {
                let kick = try await worker.call(
                    "im_open_login_svc/kick", #"{"UserID":"administrator"}"#, query: query)
                #expect(kick.code == 0)
            }
        }
    }

    @Test("It is refused one older than the app allows, whatever lifetime it gives itself")
    func maxAge() async throws {
        try await CompatibleWorker.with(["app.usersig-max-age-ms": "60000"]) { worker in
            let old = CompatibleWorker.userSig("ann", after: -62, lifetime: 86_400)
            let refused = try await worker.login("ann", "Web", userSig: old)
            #expect(refused.status == 401)
            let young = CompatibleWorker.userSig("ann", after: -30, lifetime: 86_400)
            let accepted = try await worker.login("ann", "Web", userSig: young)
            #expect(accepted.status == 201)
        }
    }

    @Test("Usersigs that inflate to 4 or 64 MB cost the worker no memory to speak of")
    func memory() async throws {
        try await CompatibleWorker.with { worker in
            let bombs = [4, 64].map { bomb(megabytes: $0) }
            // The first pays for what any body of this size takes.
            for bomb in bombs.reversed() { _ = try await worker.login("ann", "Web", userSig: "A" + bomb) }
            let before = try mostMemoryKB(of: worker.worker.child.pid)
            for bomb in bombs + bombs {
                let answer = try await worker.login("ann", "Web", userSig: bomb)
                #expect(answer.status == 401 && answer.body["code"].string == "invalid-usersig")
            }
            #expect(try mostMemoryKB(of: worker.worker.child.pid) - before < 3 * 1_024)
        }
    }

    private func bomb(megabytes: Int) -> String {
        let spaces = [UInt8](repeating: 0x20, count: megabytes << 20)
        var length = compressBound(uLong(spaces.count))
        var deflated = [UInt8](repeating: 0, count: Int(length))
        #expect(compress2(&deflated, &length, spaces, uLong(spaces.count), 9) == Z_OK)
        return Data(deflated.prefix(Int(length))).base64EncodedString()
            .replacing("+", with: "*").replacing("/", with: "-").replacing("=", with: "_")
    }

    private func mostMemoryKB(of pid: pid_t) throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
        return try #require(status.firstMatch(of: /VmHWM:\s+(\d+)/).flatMap { Int($0.1) })
    }
}
