import Foundation
import JSON
import NIOCore
import PresenceClient
import Synchronization

/// Many clients: opens them at a steady rate, lets some leave and come anew, and tells how they fare.
final class Simulation: Sendable {
    private struct State {
        var tally: SimulationTally
        /// The present connection of each client.
        var connections: [PresenceConnection?]
        /// Clients to be opened, the next one last.
        var waiting: [Int]
    }

    private let clients: [PresenceClient.Configuration]
    private let rate: Int
    private let churn: Double
    private let begin = ContinuousClock.now
    private let state: Mutex<State>

    /// - Parameters:
    ///   - rate: connections opened per second.
    ///   - churn: the part of the clients that leaves per second, 0 to 1.
    init(clients: [PresenceClient.Configuration], rate: Int, churn: Double) {
        self.clients = clients
        self.rate = rate
        self.churn = churn
        state = Mutex(
            State(
                tally: SimulationTally(clients: clients.count), connections: clients.map { _ in nil },
                waiting: clients.indices.reversed()))
    }

    /// Runs until the task is cancelled, with a line about every second.
    func run() async {
        var opened = Pace(perSecond: Double(rate))
        var left = Pace(perSecond: churn * Double(clients.count))
        for tick in 1... {
            open(opened.due(after: Self.tick))
            leave(left.due(after: Self.tick))
            if tick % Self.ticksPerReport == 0 { report() }
            do {
                try await Task.sleep(until: begin + Self.tick * tick)
            } catch {
                return
            }
        }
    }

    private func open(_ count: Int) {
        let numbers = state.withLock { state in
            let numbers = state.waiting.suffix(count)
            state.waiting.removeLast(numbers.count)
            return numbers
        }
        for number in numbers {
            let connection = PresenceConnection(clients[number]) { event in
                self.state.withLock { state in
                    state.tally.record(event, of: number, at: ContinuousClock.now - self.begin)
                    if event == .closed || event == .loggedOut { state.waiting.append(number) }
                }
            }
            state.withLock { $0.connections[number] = connection }
            connection.start()
        }
    }

    private func leave(_ count: Int) {
        for _ in 0..<count {
            let number = Int.random(in: clients.indices)
            let (connection, isConnected) = state.withLock { ($0.connections[number], $0.tally.isConnected(number)) }
            guard let connection, isConnected else { continue }
            if Bool.random() { connection.close() } else { Task { await logOut(connection) } }
        }
    }

    private func logOut(_ connection: PresenceConnection) async {
        do {
            try await connection.logout()
        } catch {
            state.withLock { $0.tally.record(logoutError: error) }
        }
    }

    /// Logs out all that are connected.
    func logOutAll() async {
        let connected = state.withLock { state in
            state.connections.enumerated().compactMap { state.tally.isConnected($0) ? $1 : nil }
        }
        await withDiscardingTaskGroup { group in
            for connection in connected { group.addTask { await self.logOut(connection) } }
        }
    }

    private func report() {
        let line = state.withLock { $0.tally.line(at: ContinuousClock.now - begin) }
        let isTerminal = isatty(STDERR_FILENO) == 1
        LogOutput.standardError.write(isTerminal ? "\r\(line)\u{1B}[K" : "\(line)\n")
    }

    /// What it came to, as one line of JSON.
    func summary() -> String {
        let summary = state.withLock { $0.tally.summary(at: ContinuousClock.now - begin) }
        return String(buffer: summary.json)
    }

    private static let tick: Duration = .milliseconds(20)
    private static let ticksPerReport = 50
}

/// Spreads so many things per second evenly over ticks, without losing fractions.
struct Pace {
    let perSecond: Double
    private var owed = 0.0

    init(perSecond: Double) {
        self.perSecond = perSecond
    }

    mutating func due(after time: Duration) -> Int {
        owed += perSecond * (time / .seconds(1))
        defer { owed -= owed.rounded(.down) }
        return Int(owed)
    }
}
