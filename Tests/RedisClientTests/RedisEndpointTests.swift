import RedisClient
import Testing

@Suite struct RedisEndpointTests {
    @Test("A URL names address, login and database")
    func parses() throws {
        #expect(
            try RedisEndpoint("redis://localhost") == RedisEndpoint(address: .tcp(host: "localhost", port: 6379)))
        #expect(
            try RedisEndpoint("redis://me:p%40s:s@10.0.0.1:7000/3")
                == RedisEndpoint(
                    address: .tcp(host: "10.0.0.1", port: 7000), user: "me", password: "p@s:s", database: 3))
        #expect(
            try RedisEndpoint("redis://:secret@[::1]:7000/")
                == RedisEndpoint(address: .tcp(host: "::1", port: 7000), password: "secret"))
        #expect(
            try RedisEndpoint("redis://:%EF%BB%BFs%C3%A9+ß@h").password?.utf8.elementsEqual("\u{FEFF}sé+ß".utf8) == true
        )
        #expect(
            try RedisEndpoint("unix:///run/redis.sock?db=2&user=me&password=a%26b")
                == RedisEndpoint(address: .unix(path: "/run/redis.sock"), user: "me", password: "a&b", database: 2))
        #expect(try RedisEndpoint("redis://h/2147483646").database == 2_147_483_646)
    }

    @Test(
        "A wrong URL is refused with a sentence that keeps its secrets",
        arguments: [
            ("hunter2", "no scheme"), ("http://:hunter2@h", "unknown scheme"), ("rediss://:hunter2@h", "not supported"),
            ("redis+sentinel://:hunter2@h", "use redis:// or unix://"), ("redis+cluster://:hunter2@h", "not supported"),
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
    }
}
