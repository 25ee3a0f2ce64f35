/// How a server speaks TLS, to clients and to other servers.
package struct RedisServerTLS: Sendable {
    /// Other servers take it for a client's too.
    package var certificate: TestCertificate
    /// Whether a client has to show one, signed by the same CA.
    package var demandsClientCertificate: Bool

    package init(_ certificate: TestCertificate, demandsClientCertificate: Bool = false) {
        self.certificate = certificate
        self.demandsClientCertificate = demandsClientCertificate
    }

    func arguments(port: Int, folder: String) -> [String] {
        let files = TestCertificate.Files(folder: folder)
        return [
            "--port", "0", "--tls-port", "\(port)", "--tls-cert-file", files.certificate, "--tls-key-file", files.key,
            "--tls-ca-cert-file", files.authority, "--tls-auth-clients", demandsClientCertificate ? "yes" : "no",
            "--tls-replication", "yes", "--tls-cluster", "yes",
        ]
    }

    func write(to folder: String) throws { _ = try certificate.write(to: folder) }
}

extension RedisServer {
    /// Shows this certificate to connections made from now on, without a restart.
    package nonisolated func rotate(to certificate: TestCertificate) async throws {
        let files = try certificate.write(to: folder)
        try await command(
            "CONFIG", "SET", "tls-cert-file", files.certificate, "tls-key-file", files.key, "tls-ca-cert-file",
            files.authority)
    }
}
