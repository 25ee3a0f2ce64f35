import Foundation
import Support

/// One nemesis at work beside simulated users, and what the checker finds.
package struct FaultRun: Sendable {
    package struct Result: Sendable {
        package var name: String
        package var seconds: Int
        package var rounds: Int
        package var operations: Int
        package var breaches: [Breach]
        package var history: History
        /// Where the history is; nil where nothing was found.
        package var folder: String?
    }

    package var nemesis: any Nemesis
    package var seed: UInt64
    /// How long users are at work, beside starting and settling.
    package var seconds: Int
    package var size: Workload.Size
    /// Of workers: `PRESENCE_PLANT`.
    package var plant: String?
    package var keepsHistory = false

    package init(_ nemesis: any Nemesis, seed: UInt64, seconds: Int) {
        self.nemesis = nemesis
        self.seed = seed
        self.seconds = seconds
        size = nemesis.soak ?? Workload.Size()
    }

    package func run() async throws -> Result {
        let files = try temporaryFolder("fault-files")
        defer { removeFolder(files) }
        let needs = try await nemesis.prepared(in: files)
        let settings = RunSettings(needs.settings, seed: seed)
        let recorder = Recorder(seed: seed, rules: settings.rules, isLong: nemesis.soak != nil)
        if nemesis.effect.movesServerClock { recorder.distrustClock() }
        let meter = StallMeter(recorder)
        defer { meter.stop() }
        var rounds = 0
        try await RunDeployment(needs, settings, plant: plant).with(recorder) { stage in
            let watch = Task { await StarvationMeter(recorder: recorder).watch(stage) }
            defer { watch.cancel() }
            let urls = stage.callerProxies.isEmpty ? stage.workers.map(\.url) : stage.callerProxies.map(\.httpURL)
            try await Caller.with(urls, recorder) { caller in
                let workload = Workload(size, recorder)
                let sockets = stage.workers.map(\.socketURL)
                try await workload.running(caller, sockets: sockets, seed: seed) {
                    rounds = nemesis.soak == nil ? try await fail(stage) : try await failLong(stage)
                    workload.life.end()
                    try await Quiet(stage, caller, workload.users).settle()
                    recorder.close()
                }
            }
        }
        return try result(rounds, recorder.history)
    }

    /// The same, with an eye on what it all takes.
    private func failLong(_ stage: Stage) async throws -> Int {
        let meter = ResourceMeter()
        let watch = Task { await meter.watch(stage) }
        defer { watch.cancel() }
        let rounds = try await fail(stage)
        stage.recorder.edit { $0.growth = meter.growth }
        return rounds
    }

    /// Injects and heals until the time is up.
    private func fail(_ stage: Stage) async throws -> Int {
        var dice = SeededGenerator(seed: seed)
        let end = ContinuousClock.now + .seconds(seconds)
        var (rounds, unmade) = (0, 0)
        try await Task.sleep(for: .milliseconds(Int.random(in: 1_000...2_500, using: &dice)))
        repeat {
            let choice = nemesis.choices.randomElement(using: &dice) ?? nemesis
            let fromMs = stage.recorder.nowMs
            do { try await choice.inject(stage, &dice) } catch {
                // In hours a machine may be too busy for one, but not for most.
                unmade += 1
                print("\(choice.name) was not made in full: \(error)")
                guard nemesis.soak != nil, unmade <= 2 + rounds / 10 else { throw error }
            }
            try await Task.sleep(for: .milliseconds(Int.random(in: choice.holdMs, using: &dice)))
            try await heal(choice, stage)
            rounds += 1
            let toMs = stage.recorder.nowMs + (choice.effect.delayMs ?? 0)
            stage.recorder.add(
                History.Fault(
                    name: choice.name, fromMs: fromMs, toMs: toMs, delaysDetection: choice.effect.delayMs != nil))
            try await Task.sleep(for: .milliseconds(Int.random(in: 500...3_000, using: &dice)))
        } while ContinuousClock.now < end
        return rounds
    }

    /// Many users may take a machine some time to come back to.
    private func heal(_ choice: any Nemesis, _ stage: Stage) async throws {
        guard nemesis.soak != nil else { return try await choice.heal(stage) }
        try await eventually(else: "\(choice.name) cannot be healed") {
            do { try await choice.heal(stage) } catch { return false }
            return true
        }
    }

    private func result(_ rounds: Int, _ history: History) throws -> Result {
        let breaches = history.breaches
        var folder: String?
        if !breaches.isEmpty || keepsHistory {
            let path = NSTemporaryDirectory() + "presence-fault-\(nemesis.name)-\(seed)-\(UUID().uuidString.prefix(4))"
            try history.write(to: path)
            folder = path
        }
        return Result(
            name: nemesis.name, seconds: seconds, rounds: rounds, operations: history.operations, breaches: breaches,
            history: history, folder: folder)
    }
}

extension FaultProxy {
    var httpURL: String { "http://127.0.0.1:\(port)" }
}
