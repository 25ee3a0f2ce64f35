import RedisClient
import Testing

@Suite struct RedisEndpointTests {
    @Test("A URL names address, login and database")
    func parses() throws {
        #expect(
            try RedisEndpoint("redis://localhost")
                == RedisEndpoint(servers: .single(.tcp(host: "localhost", port: 6379))))
        #expect(
            try RedisEndpoint("redis://me:p%40s:s@10.0.0.1:7000/3")
                == RedisEndpoint(
                    servers: .single(.tcp(host: "10.0.0.1", port: 7000)), login: .init(user: "me", password: "p@s:s"),
                    database: 3))
        #expect(
            try RedisEndpoint("redis://:secret@[::1]:7000/")
                == RedisEndpoint(servers: .single(.tcp(host: "::1", port: 7000)), login: .init(password: "secret")))
        #expect(
            try RedisEndpoint("redis://:%EF%BB%BFs%C3%A9+ß@h").login?.password.utf8.elementsEqual("\u{FEFF}sé+ß".utf8)
                == true
        )
        #expect(
            try RedisEndpoint("unix:///run/redis.sock?db=2&user=me&password=a%26b")
                == RedisEndpoint(
                    servers: .single(.unix(path: "/run/redis.sock")), login: .init(user: "me", password: "a&b"),
                    database: 2))
        #expect(try RedisEndpoint("redis://h/2147483646").database == 2_147_483_646)
    }

    @Test("A URL names the sentinels, the name of their master, and how to log in at them")
    func sentinels() throws {
        let (a, b) = (RedisAddress.tcp(host: "a", port: 26379), RedisAddress.tcp(host: "::1", port: 7000))
        #expect(
            try RedisEndpoint("redis+sentinel://a/m") == RedisEndpoint(servers: .sentinels([a], master: "m")))
        #expect(
            try RedisEndpoint(
                "redis+sentinel://me:p%2Cs@a,[::1]:7000/my%2Fmaster/3?sentinel-user=watcher&sentinel-password=w%26d")
                == RedisEndpoint(
                    servers: .sentinels([a, b], master: "my/master"), login: .init(user: "me", password: "p,s"),
                    sentinelLogin: .init(user: "watcher", password: "w&d"), database: 3))
        #expect(
            try RedisEndpoint("redis+sentinel://a/m/?sentinel-password=w").sentinelLogin == .init(password: "w"))
    }

    @Test("A URL names seeds of a cluster, which has one database")
    func cluster() throws {
        let (a, b) = (RedisAddress.tcp(host: "a", port: 6379), RedisAddress.tcp(host: "10.0.0.1", port: 7000))
        for end in ["", "/", "/0"] {
            #expect(
                try RedisEndpoint("redis+cluster://me:a,b@a,10.0.0.1:7000\(end)")
                    == RedisEndpoint(servers: .cluster(seeds: [a, b]), login: .init(user: "me", password: "a,b")))
        }
    }

    @Test("rediss in place of redis is the same in TLS", arguments: ["//h/1", "+sentinel://g,h/m/1", "+cluster://g,h"])
    func encrypted(rest: String) throws {
        let rest = rest.hasPrefix("//") ? ":" + rest : rest
        var encrypted = try RedisEndpoint("rediss" + rest)
        #expect(encrypted.isEncrypted)
        encrypted.isEncrypted = false
        #expect(try RedisEndpoint("redis" + rest) == encrypted)
    }

    @Test(
        "A wrong URL is refused with a sentence that keeps its secrets",
        arguments: [
            ("hunter2", "no scheme"), ("http://:hunter2@h", "unknown scheme"),
            ("rediss+unix://hunter2", "unknown scheme"),
            ("redis+sentinel://:hunter2@h", "names no master"), ("redis+sentinel://:hunter2@h/", "names no master"),
            ("redis+sentinel://:hunter2@h/m/x", "database"), ("redis+sentinel://:hunter2@h/m/1/2", "database"),
            ("redis+sentinel://:hunter2@h/m?db=1", "sentinel-user and sentinel-password are known"),
            ("redis+sentinel://h/m?sentinel-user=hunter2", "a user without a password"),
            ("redis+sentinel://h/m?sentinel-password=hunter2%", "%25"),
            ("redis+sentinel://h/m?sentinel-password=hunt@er2", "@ as %40"),
            ("redis+sentinel://:hunt?er2@h/m", "? as %3F"), ("redis+sentinel://:hunt/er2@h/m", "/ as %2F"),
            ("redis+sentinel://:hunter2@h,/m", "one of its commas"),
            ("redis+sentinel://:hunter2@,h/m", "one of its commas"),
            ("redis+sentinel://:hunter2@h:0,g/m", "port"), ("redis+sentinel://:hunter2@/m", "names no host"),
            ("redis+cluster://:hunter2@g,h/1", "a cluster does not have"),
            ("redis+cluster://:hunter2@g,h/x", "database"),
            ("redis+cluster://:hunter2@g,,h", "one of its commas"), ("redis+cluster://:hunter2@g:x,h", "port"),
            ("redis+cluster://:hunter2@g?a=1", "%3F"), ("rediss+cluster://:hunt#er2@g", "%23"),
            ("redis://:hunter2@g,h", "several hosts; write redis+cluster:// or redis+sentinel://"),
            ("rediss://:hunter2@h/x", "database"), ("rediss://:hunter2@", "no host"),
            ("redis://:hunter2@", "no host"), ("redis://:hunter2@h:0", "port"), ("redis://:hunter2@h:70000", "port"),
            ("redis://:hunter2@h:x", "port"), ("redis://:hunter2@h/x", "database"),
            ("redis://:hunter2@h/-1", "database"),
            ("redis://:hunter2%@h", "%25"), ("redis://hunter2@h", "without a password"),
            ("redis://:hunt/er2@h", "/ as %2F"), ("redis://:hunt@er2@h", "@ as %40"),
            ("redis://:hunt?er2@h", "? as %3F"),
            ("redis://:hunt#er2@h", "# as %23"), ("redis://:1/hunter2@h", "/ as %2F"),
            ("redis://:hunter2@h?db=1", "%3F"),
            ("redis://:hunter2@h/0#a", "%23"), ("redis://hunter2:6379:1", "IPv6 address in brackets"),
            ("redis://:hunter2@::1", "IPv6 address in brackets"), ("redis://:hunter2@[::1", "brackets"),
            ("redis://:hunter2@h:+1", "port"), ("redis://:hunter2@h:06379", "port"),
            ("redis://:hunter2@h/+1", "database"),
            ("redis://:hunter2@h/99999999999999999999", "database"), ("redis://:hunter2@h/2147483647", "2147483646"),
            ("unix:///s?db=99999999999&password=hunter2", "from 0 to 2147483646"), ("redis://:hunter2%+1@h", "%25"),
            ("redis://:hunter2%1@h", "%25"), ("redis://:hunter2%ff@h", "not UTF-8"),
            ("redis://:hunter2%FF@h", "UTF-8"), ("unix:///hunter2%C3", "UTF-8"),
            ("unix://hunter2", "absolute path"), ("unix:///s?hunter2=1", "query parameter"),
        ])
    func refuses(url: String, complaint: String) throws {
        let error = try #require(throws: RedisError.self) { try RedisEndpoint(url) }
        #expect(error.code == .invalidConfiguration)
        #expect(error.message.contains(complaint))
        #expect(!"\(error)".contains("hunter2"))
    }

    @Test("Printing an endpoint shows where it is and not how to log in")
    func description() throws {
        #expect("\(try RedisEndpoint("redis://me:secret@[::1]:1/2"))" == "redis://[::1]:1/2")
        #expect("\(try RedisEndpoint("unix:///a/b?password=secret"))" == "unix:///a/b?db=0")
        #expect("\(try RedisEndpoint("rediss://me:secret@h/2"))" == "rediss://h:6379/2")
        #expect(
            "\(try RedisEndpoint("redis+sentinel://me:secret@a,b:1/m/2?sentinel-password=secret"))"
                == "redis+sentinel://a:26379,b:1/m/2")
        #expect("\(try RedisEndpoint("rediss+cluster://me:secret@a,b"))" == "rediss+cluster://a:6379,b:6379")
    }
}
