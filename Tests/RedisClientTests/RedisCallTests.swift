import NIOCore
import Testing

@testable import RedisClient

/// Commands of one call, tried again by what became of them.
@Suite struct RedisCallTests {
    private typealias Attempt = RedisCall.Attempt
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)
    private static let here = RedisAddress.tcp(host: "127.0.0.1", port: 7000)

    private func makeCall(
        of count: Int = 1, isIdempotent: Bool = true, _ patience: RedisPatience = .caller
    ) -> RedisCall {
        RedisCall(
            commands: count, isIdempotent: isIdempotent, followsRedirections: true,
            retry: Retry(RedisClientOptions(), patience: patience, now: start))
    }

    private func take(_ call: inout RedisCall) -> (pause: Duration, attempts: [Attempt])? { call.round(now: start) }

    private func refused(_ message: String) -> RedisResult { .failure(RedisError(RedisReplyError(message: message))) }

    private func outcome(_ attempt: Attempt, _ result: RedisResult) -> RedisCall.Outcome {
        RedisCall.Outcome(attempt: attempt, result: result, asked: Self.here)
    }

    /// How often a command is tried whose every attempt ends so.
    private func attempts(
        _ result: RedisResult, isIdempotent: Bool = true, _ patience: RedisPatience = .caller, after: TimeAmount = .zero
    ) -> Int {
        var call = makeCall(isIdempotent: isIdempotent, patience)
        var attempts = [Attempt(position: 0)]
        for count in 1..<100 {
            call.received(attempts.map { outcome($0, result) })
            guard let round = call.round(now: start + after) else { return count }
            attempts = round.attempts
        }
        return 100
    }

    @Test("Three attempts are made when nothing is sent or known")
    func counted() {
        #expect(attempts(.failure(.unreachable)) == 3)
        #expect(attempts(.failure(.answerLost)) == 3)
        #expect(attempts(.failure(.unreachable), isIdempotent: false) == 3)
    }

    @Test("A command that must not be repeated is not, once it may have been executed")
    func once() {
        #expect(attempts(.failure(.answerLost), isIdempotent: false) == 1)
    }

    @Test(
        "A server that asks for patience gets it until the deadline, which is near for background work",
        arguments: ["TRYAGAIN", "CLUSTERDOWN", "MASTERDOWN", "READONLY", "LOADING", "BUSY", "NOSCRIPT"])
    func patience(word: String) {
        #expect(attempts(refused(word)) == 100)
        #expect(attempts(refused(word), .background, after: .milliseconds(200)) <= 2)
        #expect(attempts(refused(word), after: .seconds(3)) <= 2)
    }

    @Test(
        "Nothing else is repeated",
        arguments: ["NOREPLICAS", "MISCONF", "OOM", "NOAUTH", "NOPERM", "WRONGTYPE", "ERR"])
    func final(word: String) { #expect(attempts(refused(word)) == 1) }

    @Test("Only the commands that failed are tried again, in their order")
    func some() throws {
        var call = makeCall(of: 4)
        let results: [RedisResult] = [
            .failure(.unreachable), .success(.integer(1)), refused("WRONGTYPE"), refused("TRYAGAIN"),
        ]
        call.received((0..<4).map { outcome(Attempt(position: $0), results[$0]) })
        let roundRound = take(&call)
        let round = try #require(roundRound)
        #expect(round.attempts.map(\.position) == [0, 3])
        call.received(round.attempts.map { outcome($0, .success(.integer(2))) })
        let last = take(&call)
        #expect(last == nil)
        #expect(call.ended.map { try? $0.get() } == [.integer(2), .integer(1), nil, .integer(2)])
    }

    @Test("A moved key is asked for at its new place at once, and again elsewhere only after a pause")
    func moved() throws {
        var call = makeCall()
        call.received([outcome(Attempt(position: 0), refused("MOVED 3999 10.0.0.2:7001"))])
        let firstRound = take(&call)
        let first = try #require(firstRound)
        let there = RedisAddress.tcp(host: "10.0.0.2", port: 7001)
        #expect(first.pause == .zero && first.attempts.map(\.place) == [.server(there, asking: false)])
        call.received([outcome(first.attempts[0], refused("ASK 3999 :7002"))])
        let secondRound = take(&call)
        let second = try #require(secondRound)
        let same = RedisAddress.tcp(host: "127.0.0.1", port: 7002)
        #expect(second.pause > .zero && second.attempts.map(\.place) == [.server(same, asking: true)])
    }

    @Test("Where there is one server nothing is redirected")
    func single() {
        var call = RedisCall(
            commands: 1, isIdempotent: true, followsRedirections: false,
            retry: Retry(RedisClientOptions(), patience: .caller, now: start))
        call.received([outcome(Attempt(position: 0), refused("MOVED 3999 10.0.0.2:7001"))])
        let last = take(&call)
        #expect(last == nil)
        #expect(call.ended[0].rejection == .moved)
    }

    @Test("A script a server does not know is sent to that server, with the call, at once and then after pauses")
    func load() throws {
        var call = makeCall()
        call.received([outcome(Attempt(position: 0), refused("ASK 3999 10.0.0.2:7001"))])
        let askedRound = take(&call)
        let asked = try #require(askedRound)
        call.received([outcome(asked.attempts[0], refused("NOSCRIPT"))])
        let loadingRound = take(&call)
        let loading = try #require(loadingRound)
        #expect(loading.pause == .zero && loading.attempts[0].loadsScript)
        #expect(loading.attempts[0].place == asked.attempts[0].place)
        call.received([outcome(loading.attempts[0], refused("NOSCRIPT"))])
        let pausedRound = take(&call)
        let paused = try #require(pausedRound)
        #expect(paused.pause > .zero)
    }

    @Test("A command refused after an attempt without an answer may have happened all the same")
    func unknown() throws {
        for refusal in ["OOM", "NOSCRIPT", "MOVED 1 x:x"] {
            var call = makeCall()
            call.received([outcome(Attempt(position: 0), .failure(.answerLost))])
            let againRound = take(&call)
            let again = try #require(againRound)
            call.received([outcome(again.attempts[0], refused(refusal))])
            guard case .failure(let error) = call.ended[0] else {
                Issue.record("it has an answer")
                continue
            }
            #expect(error.code == .unknown && error.mayHaveHappened)
        }
    }

    @Test(
        "A redirection names a host in any of its forms",
        arguments: [
            ("MOVED 3999 10.0.0.2:7001", "10.0.0.2:7001"), ("ASK 3999 ::1:7001", "[::1]:7001"),
            ("MOVED 3999 [::1]:7001", "[::1]:7001"),
            ("MOVED 3999 redis-1.example.com:7001", "redis-1.example.com:7001"),
            ("MOVED 3999 :7001", "127.0.0.1:7001"), ("MOVED 3999 ?:7001", "127.0.0.1:7001"),
        ])
    func hosts(message: String, address: String) {
        #expect(Redirection(message, from: Self.here)?.address.description == address)
    }

    @Test(
        "A redirection that names no server is none",
        arguments: ["MOVED", "MOVED 3999", "MOVED x 10.0.0.2:7001", "MOVED 16384 h:1", "MOVED 1 h", "MOVED 1 h:x"])
    func noRedirection(message: String) { #expect(Redirection(message, from: Self.here) == nil) }
}
