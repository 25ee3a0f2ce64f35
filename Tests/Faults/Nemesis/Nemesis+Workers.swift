import Support

/// Nothing fails: what is found is no fault's doing.
struct Calm: Nemesis {
    let name = "calm"
    func inject(_ stage: Stage, _ dice: inout SeededGenerator) async throws {}
}

/// A worker dies as by a power cut, and is started again.
struct KillWorker: Nemesis {
    let name = "kill-worker"
    let effect = Effect.takeover

    func inject(_ stage: Stage, _ dice: inout SeededGenerator) async throws { try await stage.worker(&dice).kill() }

    func heal(_ stage: Stage) async throws {
        for worker in stage.workers where !worker.child.isRunning { try await worker.startAgain() }
    }
}

/// A worker is stopped as for a deploy, and started again.
struct RestartWorker: Nemesis {
    let name = "restart-worker"
    let effect = Effect(delayMs: 4_000)
    let holdMs = 100...600

    func inject(_ stage: Stage, _ dice: inout SeededGenerator) async throws { try await stage.worker(&dice).stop() }

    func heal(_ stage: Stage) async throws { try await KillWorker().heal(stage) }
}

/// A worker stands still for longer than its leases and goes on as if nothing had been.
struct PauseWorker: Nemesis {
    let name = "pause-worker"
    let effect = Effect.takeover
    let holdMs = 1_000...10_000

    func inject(_ stage: Stage, _ dice: inout SeededGenerator) async throws { stage.worker(&dice).pause() }

    func heal(_ stage: Stage) async throws { for worker in stage.workers { worker.resume() } }
}

/// Answers to callers are cut off after the call was made.
struct CutCallers: Nemesis {
    let name = "cut-callers"
    let needs = Needs.with { $0.hasCallerProxies = true }

    func inject(_ stage: Stage, _ dice: inout SeededGenerator) async throws {
        for proxy in stage.callerProxies { proxy.cutReplies(after: Int.random(in: 0...3, using: &dice)) }
    }
}
