import Foundation
import NIOSSL

/// A certificate of a server called `localhost`, valid until 2126. It and its key protect nothing.
package struct TestCertificate: Sendable {
    let key: String
    let certificate: String
    /// PEM of the CA that signed it, for who is to trust it.
    package let authority: String

    /// For a server that terminates TLS with it.
    package var serverContext: NIOSSLContext {
        get throws {
            try NIOSSLContext(
                configuration: .makeServerConfiguration(
                    certificateChain: [.certificate(NIOSSLCertificate(bytes: Array(certificate.utf8), format: .pem))],
                    privateKey: .privateKey(NIOSSLPrivateKey(bytes: Array(key.utf8), format: .pem))))
        }
    }

    /// For a client that trusts its CA and nothing else.
    package var clientContext: NIOSSLContext {
        get throws {
            var configuration = TLSConfiguration.makeClientConfiguration()
            configuration.trustRoots = .certificates(
                [try NIOSSLCertificate(bytes: Array(authority.utf8), format: .pem)])
            return try NIOSSLContext(configuration: configuration)
        }
    }

    /// Signed by itself.
    package static let localhost = TestCertificate(
        key: """
            -----BEGIN PRIVATE KEY-----
            MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgj7Fg97ni2nPe0NTx
            RUMtcqcQhhPw2FtNsIkhbaP37E6hRANCAAQV+6ddIsjTa4j6iTQyj5w5XjE0AWEi
            HawD6Q+MRiub12gtM1c5oLeqG0WGEPfnFwdH0TNhA/XImiYSz2q9D8sa
            -----END PRIVATE KEY-----
            """,
        certificate: selfSigned, authority: selfSigned)

    private static let selfSigned = """
        -----BEGIN CERTIFICATE-----
        MIIBlTCCATugAwIBAgIUC8OogTQUpvWE0qHjxBG8AdZNeNcwCgYIKoZIzj0EAwIw
        FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMTE1MjYyOVoYDzIxMjYxMDI4
        MTUyNjI5WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
        PQMBBwNCAAQV+6ddIsjTa4j6iTQyj5w5XjE0AWEiHawD6Q+MRiub12gtM1c5oLeq
        G0WGEPfnFwdH0TNhA/XImiYSz2q9D8sao2kwZzAdBgNVHQ4EFgQUCicKC6WNrfmG
        56IyUcLmzUnBgNswHwYDVR0jBBgwFoAUCicKC6WNrfmG56IyUcLmzUnBgNswDwYD
        VR0TAQH/BAUwAwEB/zAUBgNVHREEDTALgglsb2NhbGhvc3QwCgYIKoZIzj0EAwID
        SAAwRQIgbZoY/0nkIDZB0XpHqSa4eWObLoNFvfw0Obz8Gn8pwMgCIQCMvfnpIIA7
        GGxNpFF41di6JqldRkVijFzcSzEReSGJHQ==
        -----END CERTIFICATE-----
        """

    /// Signed by a private CA.
    package static let signed = TestCertificate(
        key: """
            -----BEGIN PRIVATE KEY-----
            MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgXsE0hrVQ0wCS/4MA
            qJ5ntw1pky6aueRPCsIVykr8/qmhRANCAAQMB5TReyHeXEHkiDKM2C+8Oqle9gu+
            bPmBzar3wV7SQz7MnrIDO8+VLMCq69yGba5Jpt9yFTMd+OWCrCoBxe6Q
            -----END PRIVATE KEY-----
            """,
        certificate: """
            -----BEGIN CERTIFICATE-----
            MIIBqjCCAVGgAwIBAgIUAhzcC+st4TEYpnQxUmHOMqXRNTMwCgYIKoZIzj0EAwIw
            GzEZMBcGA1UEAwwQcHJlc2VuY2UgdGVzdCBDQTAgFw0yNjExMjYwMDQwMjRaGA8y
            MTI2MTEwMjAwNDAyNFowFDESMBAGA1UEAwwJbG9jYWxob3N0MFkwEwYHKoZIzj0C
            AQYIKoZIzj0DAQcDQgAEDAeU0Xsh3lxB5IgyjNgvvDqpXvYLvmz5gc2q98Fe0kM+
            zJ6yAzvPlSzAquvchm2uSabfchUzHfjlgqwqAcXukKN4MHYwFAYDVR0RBA0wC4IJ
            bG9jYWxob3N0MAkGA1UdEwQCMAAwEwYDVR0lBAwwCgYIKwYBBQUHAwEwHQYDVR0O
            BBYEFPxYzbNu/VAV3t+SCC851PO+a2qHMB8GA1UdIwQYMBaAFKmGogYdGlEwBYSX
            ZMfMAaSaZ45bMAoGCCqGSM49BAMCA0cAMEQCIHqLzxRSOcxxM1GFaRPSJ0eVvbc2
            5zXX1JASx67vHtxfAiBlujj/BDwvo8D55ei9z78MruAKOxPESO5QEwoX0fHpwQ==
            -----END CERTIFICATE-----
            """,
        authority: """
            -----BEGIN CERTIFICATE-----
            MIIBnTCCAUOgAwIBAgIUDoHIIgUbXNlkLxR1V+yDACK4ZHgwCgYIKoZIzj0EAwIw
            GzEZMBcGA1UEAwwQcHJlc2VuY2UgdGVzdCBDQTAgFw0yNjExMjYwMDQwMjRaGA8y
            MTI2MTEwMjAwNDAyNFowGzEZMBcGA1UEAwwQcHJlc2VuY2UgdGVzdCBDQTBZMBMG
            ByqGSM49AgEGCCqGSM49AwEHA0IABFwfucMGelYUI/Hbdl0YB2zHXWUKrbMe/cty
            nAglifYhKeD+bBmWB9h7hLQKdmrJ5FBJkCmr/oNsRuwW+ZZYDhWjYzBhMB0GA1Ud
            DgQWBBSphqIGHRpRMAWEl2THzAGkmmeOWzAfBgNVHSMEGDAWgBSphqIGHRpRMAWE
            l2THzAGkmmeOWzAPBgNVHRMBAf8EBTADAQH/MA4GA1UdDwEB/wQEAwICBDAKBggq
            hkjOPQQDAgNIADBFAiEA2jPVjDctaucgoHRe2YNO0HH8N0OWmB+AoiUYkAmY0k8C
            IHbBTDsjbZCt5eT2ywe9Vvewzsa/semMucEWbf7qskFx
            -----END CERTIFICATE-----
            """)
}

extension TestCertificate {
    /// The files a certificate is written to in a folder.
    package struct Files: Sendable {
        package let certificate: String
        package let key: String
        /// The CA that signed it.
        package let authority: String

        init(folder: String) {
            certificate = "\(folder)/certificate.pem"
            key = "\(folder)/key.pem"
            authority = "\(folder)/authority.pem"
        }
    }

    /// Writes certificate, key and CA as PEM, in the place of those written there before.
    package func write(to folder: String) throws -> Files {
        let files = Files(folder: folder)
        for (text, path) in [(certificate, files.certificate), (key, files.key), (authority, files.authority)] {
            try Data(text.utf8).write(to: URL(filePath: path), options: .atomic)
        }
        return files
    }
}
