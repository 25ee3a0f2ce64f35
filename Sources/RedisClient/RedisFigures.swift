import NIOCore
import Synchronization
import Telemetry

/// What a client tells of its calls.
struct RedisFigures: Sendable {
    let instruments: Instruments
    private let redirects: EventCounters<Redirect>
    private let scriptLoads: EventCounter

    /// What a command met that it was not answered at once.
    private enum Redirect: String, CaseIterable {
        case moved, ask
        /// Its slot is being moved.
        case tryAgain = "try_again"
    }

    init(_ instruments: Instruments) {
        self.instruments = instruments
        redirects = instruments.counters(.redisRedirects, Redirect.self)
        scriptLoads = instruments.counter(.scriptLoads)
    }

    func count(_ outcomes: [RedisCall.Outcome]) {
        for outcome in outcomes {
            switch outcome.result.rejection {
            case .moved: redirects.count(.moved)
            case .ask: redirects.count(.ask)
            case .tryAgain: redirects.count(.tryAgain)
            case .noScript: scriptLoads.count()
            default: continue
            }
        }
    }

    /// Has the states of the masters told.
    func watch(_ table: NodeTable) {
        instruments.whenAsked {
            table.routes.masters.flatMap { node in
                let name = "\(node.address)"
                return [
                    Reading(.redisUp, name, is: node.isReachable),
                    Reading(.redisQueued, name, is: node.figures.queued),
                ]
            }
        }
    }
}

/// What is told of one server, until it is retired.
final class NodeFigures: Sendable {
    let reconnects: EventCounter
    private let instruments: Instruments
    private let roundTrip: DurationHistogram
    private let commandsQueued = Atomic(0)

    init(of address: RedisAddress, _ instruments: Instruments) {
        self.instruments = instruments
        reconnects = instruments.counter(.redisReconnects, "\(address)")
        roundTrip = instruments.histogram(.redisRoundTrip, "\(address)")
    }

    /// Commands that wait to be sent or answered.
    var queued: Int { commandsQueued.load(ordering: .relaxed) }

    func sent(_ commands: Int) { commandsQueued.add(commands, ordering: .relaxed) }

    func answered(_ commands: Int, after duration: TimeAmount) {
        commandsQueued.subtract(commands, ordering: .relaxed)
        roundTrip.record(nanoseconds: duration.nanoseconds)
    }

    func failed(_ commands: Int) { commandsQueued.subtract(commands, ordering: .relaxed) }

    func retire() {
        instruments.end(reconnects)
        instruments.end(roundTrip)
    }
}
