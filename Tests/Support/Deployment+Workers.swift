extension Deployment {
    /// Runs the body beside so many workers on any Redis, the app's backend that calls them in turn, and its receiver.
    /// - Parameters:
    ///   - url: of one server, of sentinels, or of a cluster.
    ///   - settings: beside `shortTimeouts`, or instead of them.
    package static func withWorkers<Result: Sendable>(
        _ count: Int, on url: String, _ settings: [String: String] = [:],
        body: ([PresenceProcess], Backend, CallbackReceiver) async throws -> Result
    ) async throws -> Result {
        try await CallbackReceiver.withReceiver { receiver in
            let folder = try temporaryFolder("deployment")
            defer { removeFolder(folder) }
            var all = shortTimeouts.merging(settings) { $1 }
            if all["callback.url"] == nil { all["callback.url"] = receiver.url }
            var workers: [PresenceProcess] = []
            do {
                for number in 1...count {
                    workers.append(
                        try await PresenceProcess.start(
                            redis: url, all, folder: folder, log: "worker-\(number).log"))
                }
                let backend = Backend(workers.map(\.url), key: all["auth.api-keys"])
                let result = try await body(workers, backend, receiver)
                for worker in workers { try await worker.kill() }
                return result
            } catch {
                for worker in workers { try? await worker.kill() }
                throw error
            }
        }
    }
}
