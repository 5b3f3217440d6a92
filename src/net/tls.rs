//! Whom we trust: the system's certificates, and those of `link.ca_file`.

use std::{fs::File, io::Read as _, path::Path, sync::Arc};

use rustls::{
    ClientConfig,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, pem::PemObject},
};
use rustls_platform_verifier::Verifier;

use super::error::DialError;

/// No file of certificates is longer: those of a whole system take 0.3 MB.
const CA_BYTES_MAX: u64 = 4 << 20;

/// TLS 1.2 and 1.3 by ring, without ALPN. Reads files: 3 to 21 ms.
pub(super) fn client_config(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, DialError> {
    let provider = Arc::new(ring::default_provider());
    let extra = ca_file.map(read_certificates).transpose()?.unwrap_or_default();
    let verifier =
        verifier(extra, provider.clone()).map_err(|error| DialError::CaStore(error.to_string()))?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| DialError::Tls(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(Arc::new(config))
}

fn verifier(
    extra: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
) -> Result<Verifier, rustls::Error> {
    if extra.is_empty() {
        Verifier::new(provider)
    } else {
        Verifier::new_with_extra_roots(extra, provider)
    }
}

fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, DialError> {
    let fail = |problem: String| DialError::CaFile { path: path.to_owned(), problem };
    let mut pem = Vec::new();
    let read = File::open(path).and_then(|file| file.take(CA_BYTES_MAX).read_to_end(&mut pem));
    read.map_err(|error| fail(error.to_string()))?;
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .map_err(|error| fail(error.to_string()))?;
    if certificates.is_empty() {
        return Err(fail("it holds no certificate".to_owned()));
    }
    Ok(certificates)
}
