/// All figures of a worker as of now. States cost questions to Redis that the work waits behind: who asks while they are
/// read shares that look, and one is good for a while.
package actor Exposition {
    private let instruments: Instruments
    private let registry: PrometheusRegistry
    private let lookIsGood: Duration
    private var underWay: Task<Void, Never>?
    private var lookedAt: ContinuousClock.Instant?

    package init(of registry: PrometheusRegistry, by instruments: Instruments, lookIsGood: Duration = .seconds(1)) {
        self.registry = registry
        self.instruments = instruments
        self.lookIsGood = lookIsGood
    }

    /// In Prometheus' text format. What is counted is never old.
    package func text() async -> String {
        await readStates()
        return registry.text()
    }

    private func readStates() async {
        if let underWay { return await underWay.value }
        if let lookedAt, .now - lookedAt < lookIsGood { return }
        let look = Task { await instruments.readStates() }
        underWay = look
        await look.value
        underWay = nil
        lookedAt = .now
    }
}
