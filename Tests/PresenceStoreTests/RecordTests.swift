import PresenceCore
import RedisClient
import Testing

@testable import PresenceStore

@Suite struct RecordTests {
    @Test("What is stored is text without spaces, and reads back the same")
    func percentEncoding() {
        for text in ["", "plain", "a b", "100%", "a=b", "%41", "%", "β 👩", "a%20b", "\u{7F}", "::", "{}", "\u{FEFF}a%"]
        {
            let encoded = Record.encode(text)
            #expect(!encoded.contains { $0 == " " || $0 == "=" })
            #expect(String(percentEncoded: encoded.utf8)?.utf8.elementsEqual(text.utf8) == true)
        }
        #expect(Record.encode("50% off=now") == "50%25%20off%3Dnow")
        #expect(Record.encode("wifi-5/β") == "wifi-5/β")
    }

    @Test("A record is read with all it holds, and what a later version may add")
    func reading() throws {
        let text =
            "status=PushOnline generation=k3J9 login=17 changed=18 worker=a%20b link=17 address=::1 "
            + "network=wi%3Dfi later=1"
        let session = try #require(Record.session(device: "iPhone:my.phone", record: text))
        #expect(session.id.description == "iPhone:my.phone:k3J9")
        #expect(session.status == .pushOnline)
        #expect(session.loginAtMs == 17)
        #expect(session.changedAtMs == 18)
        #expect(session.worker == "a b")
        #expect(session.details == (try ClientDetails(address: "::1", network: "wi=fi")))
    }

    @Test(
        "What lacks something is no record",
        arguments: [
            "", "x", "status=Online", "generation=g login=1 changed=1", "status=Away generation=g login=1 changed=1",
            "status=Online generation=g-h login=1 changed=1", "status=Online generation=g login=one changed=1",
        ])
    func broken(_ text: String) {
        #expect(Record.session(device: "Web:1", record: text) == nil)
        #expect(Record.session(device: "Web", record: "status=Online generation=g login=1 changed=1") == nil)
    }

    @Test("A user's record in Redis is readable, and stands there as documented")
    func inRedis() async throws {
        try await withStore { store in
            let details = try ClientDetails(address: "10.0.0.7", network: "wi fi", version: "8.1=β")
            guard
                case .accepted(let login) = try await store.login(
                    .ann, platform: .android, instance: .unnamed, details: details)
            else { throw Unexpected("the login was refused") }
            let version = String(login.version)
            let record = try await store.command("HGET", store.keys.user(.ann), "Android:default").string
            #expect(
                record
                    == "status=Online generation=\(login.session.generation) login=\(version) worker=a address=10.0.0.7 network=wi%20fi version=8.1%3Dβ"
            )
            #expect(try await store.command("HLEN", store.keys.user(.ann)).int == 1)
            #expect(try await store.presence(.ann).sessions.map(\.details) == [details])
        }
    }

    @Test("A record this service did not write is an error that names it, never Offline")
    func corrupt() async throws {
        try await withStore { store in
            try await store.command("HSET", store.keys.user(.ann), "Web:1", "nonsense")
            let query = await #expect(throws: StoreError.self) { try await store.presence(.ann) }
            #expect(query?.code == .corrupt)
            #expect(query?.message.contains("Web:1") == true)
            let before = try await store.digest()
            let login = await #expect(throws: StoreError.self) { try await store.loggedIn(.ann, .android) }
            #expect(login?.code == .corrupt)
            #expect(try await store.digest() == before)
        }
    }

    @Test("A key of another type is an error, never Offline")
    func wrongType() async throws {
        try await withStore { store in
            try await store.command("SET", store.keys.user(.ann), "text")
            let error = await #expect(throws: StoreError.self) { try await store.presence(.ann) }
            #expect(error?.code == .corrupt)
        }
    }

    @Test("Where a record is none of ours a shard is not counted anew, which is no error: other upkeep goes on")
    func corruptCount() async throws {
        try await withStore(shards: 1) { store in
            try await store.loggedIn(.ann, .web)
            #expect(try await store.recount(0) == true)
            try await store.command("SET", store.keys.user(.bob), "nonsense")
            try await store.command("ZADD", store.keys.deadlines(0), "1", "bob")
            #expect(try await store.recount(0) == false)
        }
    }

    @Test("What cannot be read of one user is no error of the others asked for with it")
    func corruptNeighbours() async throws {
        try await withStore { store in
            let cat = try UserID("cat")
            try await store.command("HSET", store.keys.user(.ann), "Web:1", "nonsense")
            try await store.loggedIn(.bob, .web)
            try await store.command("SET", store.keys.user(cat), "text")
            let answers = await store.presences(of: [.ann, .bob, cat])
            #expect(throws: StoreError.self) { try answers[0].get() }
            #expect(try answers[1].get().status == .online)
            #expect(throws: StoreError.self) { try answers[2].get() }
        }
    }

    @Test("The user's version and since when a status stands are told by the records, or where none does by themselves")
    func version() async throws {
        try await withStore(limits: LoginLimits(policy: .multi)) { store in
            func kept() async throws -> String? {
                try await store.command("HGET", store.keys.user(.ann), "version").string
            }
            let web = try await store.loggedIn(.ann, .web)
            let phone = try await store.loggedIn(.ann, .iPhone)
            #expect(try await kept() == nil)
            let closed = try await store.disconnect(.ann, session: phone.session)
            #expect(try await kept() == nil)
            #expect(try await store.presence(.ann).sessions.map(\.changedAtMs) == [web.version, closed.version])
            let out = try await store.logout(.ann, session: phone.session)
            #expect(try await kept() == String(out.version))
            let mac = try await store.loggedIn(.ann, .mac)
            #expect(try await kept() == nil)
            for version in [mac.version, try await store.kick(.ann).version] {
                #expect(try await store.presence(.ann).version >= version)
            }
            #expect(try await store.command("HKEYS", store.keys.user(.ann)).array == [.string("version")])
            #expect(try await store.presence(.ann).changedAtMs == (try await store.changes(.ann).last?.version))
            try await store.loggedIn(.ann, .mac)
            #expect(try await store.ttl(store.keys.user(.ann)) == -1)
        }
    }

    @Test("A session of a phone with all its client tells fits a listpack, and so does one who is Offline")
    func encoding() async throws {
        try await withStore(limits: LoginLimits(policy: .multi)) { store in
            try await store.command("CONFIG", "SET", "hash-max-listpack-value", "1024")
            let long = String(repeating: "x", count: ClientDetails.bytesMax)
            let details = try ClientDetails(address: long, network: long, version: long)
            let instance = try InstanceID(String(repeating: "i", count: InstanceID.bytesMax))
            for platform in [Platform.iPhone, .android, .web] {
                _ = try await store.login(
                    .ann, platform: platform, instance: instance, details: details, link: 17,
                    attempt: Attempt(String(repeating: "a", count: 32) + ".123456789012345"))
            }
            let key = store.keys.user(.ann)
            #expect(try await store.command("OBJECT", "ENCODING", key).string == "listpack")
            _ = try await store.kick(.ann)
            #expect(try await store.command("OBJECT", "ENCODING", key).string == "listpack")
        }
    }

    @Test("All workers on one Redis have to split the users alike")
    func shards() async throws {
        try await withStore(shards: 4) { store in
            for isNew in [true, false] {
                let noted = try await store.checkLayout()
                #expect(noted == isNew)
            }
            let other = PresenceStore(
                redis: store.redis, keys: KeySpace(prefix: "test", shards: 8), options: store.options)
            let error = await #expect(throws: StoreError.self) { try await other.checkLayout() }
            #expect(error?.code == .layout)
            #expect(error?.message.contains("with 4 shards") == true)
            #expect(error?.message.contains("set shards to 4") == true)
            try await store.checkLayout()
        }
    }

    @Test("A layout of an older version, or of one this version does not know, is refused and left as it is")
    func layout() async throws {
        for (fields, found) in [(["shards", "2"], "1"), (["shards", "2", "layout", "3"], "3")] {
            try await withStore(shards: 2) { store in
                try await store.command(["HSET", store.keys.meta] + fields)
                let before = try await store.digest()
                let error = await #expect(throws: StoreError.self) { try await store.checkLayout() }
                #expect(error?.code == .layout)
                #expect(error?.message.contains("layout \(found) ") == true)
                let tool = await #expect(throws: StoreError.self) {
                    try await PresenceStore.shards(on: store.redis, prefix: "test")
                }
                #expect(tool?.code == .layout)
                #expect(try await store.digest() == before)
            }
        }
    }
}
