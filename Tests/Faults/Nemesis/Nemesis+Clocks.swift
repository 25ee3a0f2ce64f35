import Support

/// The clock of the machine Redis is on jumps ahead, further than an outage is long, and back.
struct ServerClock: Nemesis {
    let name = "server-clock"
    let effect = Effect(delayMs: 30_000, movesServerClock: true)
    let holdMs = 1_000...4_000
    private let clock = Remembered<PreloadedClock>()

    func prepared(in folder: String) async throws -> Needs {
        let own = try await PreloadedClock(in: folder, name: "server")
        clock.value = own
        return .with { $0.serverLauncher = ["env"] + own.environment.map { "\($0)=\($1)" } }
    }

    func inject(_ stage: Stage, _ dice: inout SeededGenerator) async throws {
        let now = stage.recorder.nowMs
        stage.recorder.edit { $0.steps.append(now) }
        try clock.value?.shift(by: .seconds(Int.random(in: 10...20, using: &dice)))
    }

    func heal(_ stage: Stage) async throws { try clock.value?.shift(by: .zero) }
}

/// Workers' clocks are hours apart from each other and from Redis', and jump.
struct WorkerClocks: Nemesis {
    let name = "worker-clock"
    let holdMs = 2_000...4_000
    private let clocks = Remembered<[PreloadedClock]>()

    func prepared(in folder: String) async throws -> Needs {
        var all: [PreloadedClock] = []
        for index in 0..<3 { all.append(try await PreloadedClock(in: folder, name: "worker-\(index)")) }
        clocks.value = all
        return .with { [all] in $0.workerEnvironments = all.map(\.environment) }
    }

    func inject(_ stage: Stage, _ dice: inout SeededGenerator) async throws {
        for clock in clocks.value ?? [] { try clock.shift(by: .seconds(Int.random(in: -7_200...7_200, using: &dice))) }
    }

    func heal(_ stage: Stage) async throws { for clock in clocks.value ?? [] { try clock.shift(by: .zero) } }
}
