import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import PresenceCore

/// Posts changes to the app's backend.
package struct CallbackSender: Sendable {
    /// How much of an answer is read, so that its connection can be used again. What is in it does not count.
    package static let answerBytesMax = 65_536

    private let options: CallbackOptions
    private let client: HTTPClient

    /// - Parameter client: made with `clientConfiguration(for:inFlightMax:)`; the owner shuts it down.
    package init(options: CallbackOptions, client: HTTPClient) {
        self.options = options
        self.client = client
    }

    /// The client this sender needs: no redirects, a connection for each delivery in flight, and no
    /// waiting on a receiver that does not accept connections, as another attempt follows anyway.
    package static func clientConfiguration(
        for options: CallbackOptions, inFlightMax: Int
    ) -> HTTPClient.Configuration {
        let timeout = TimeAmount.milliseconds(Int64(options.timeoutMs))
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow, timeout: .init(connect: timeout, read: timeout))
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = inFlightMax
        configuration.connectionPool.retryConnectionEstablishment = false
        return configuration
    }

    /// One attempt, at most `timeoutMs`. Never throws: whatever keeps the change from the receiver is an outcome.
    package func deliver(_ change: StatusChange) async -> DeliveryOutcome {
        guard options.wants(change.reason) else { return .delivered }
        let now = Int(Date().timeIntervalSince1970)
        let deadline = ContinuousClock.now + .milliseconds(options.timeoutMs)
        do {
            let response = try await client.execute(
                request(for: change, at: now), timeout: .milliseconds(Int64(options.timeoutMs)))
            await drain(response.body, until: deadline)
            return .of(response.status, retryAfter: response.headers.first(name: "Retry-After"))
        } catch let error as HTTPClientError where Self.timeouts.contains(error) {
            return .retry(afterMs: nil, detail: "no answer within \(options.timeoutMs) ms")
        } catch {
            return .retry(afterMs: nil, detail: "no answer: \(error)")
        }
    }

    /// The client's own timers race with the attempt's: whichever is first says the same.
    private static let timeouts: [HTTPClientError] = [
        .deadlineExceeded, .connectTimeout, .readTimeout, .writeTimeout, .getConnectionFromPoolTimeout,
    ]

    private func request(for change: StatusChange, at now: Int) -> HTTPClientRequest {
        let body = CallbackBody(change).json
        let proof = options.signToken.map { TokenSignature.parameters(token: $0, requestTime: now) } ?? []
        var request = HTTPClientRequest(
            url: options.url.request(for: change, sdkAppID: options.sdkAppID, proof: proof))
        request.method = .POST
        request.headers.add(name: "Content-Type", value: "application/json")
        for header in WebhookSignature.headers(
            id: change.id, timestamp: now, body: body, secrets: options.webhookSecrets)
        {
            request.headers.add(name: header.name, value: header.value)
        }
        request.body = .bytes(ByteBuffer(string: body))
        return request
    }

    /// Reads what is left of an answer, at most `answerBytesMax` and until the deadline; leaving earlier closes the
    /// connection. The status has arrived, so a failure here changes nothing.
    private func drain(_ body: HTTPClientResponse.Body, until deadline: ContinuousClock.Instant) async {
        await withTaskGroup { group in
            group.addTask { _ = try? await body.collect(upTo: Self.answerBytesMax) }
            group.addTask { try? await Task.sleep(until: deadline) }
            await group.next()
            group.cancelAll()
        }
    }
}

extension DeliveryOutcome {
    /// Keeps the number small; how long a receiver is really waited for the worker decides.
    static let retryAfterSecondsMax = 3_600

    /// What a receiver's status means. `Retry-After` counts where it is given in seconds.
    static func of(_ status: HTTPResponseStatus, retryAfter: String?) -> DeliveryOutcome {
        let detail = "the receiver answered \(status.code)"
        switch status.code {
        case 200..<300:
            return .delivered
        case 429, 503:
            let seconds = retryAfter.flatMap { Int($0) }.map { min(max($0, 0), retryAfterSecondsMax) }
            return .retry(afterMs: seconds.map { $0 * 1_000 }, detail: detail)
        case 400..<500 where status.code != 408:
            return .refused(detail: detail)
        default:
            return .retry(afterMs: nil, detail: detail)
        }
    }
}
