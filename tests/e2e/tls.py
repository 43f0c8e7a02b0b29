# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""Certificates for tests, made when they run."""

import os
import shutil
import subprocess
import tempfile


class Certificate:
    """Of a server: two files, PEM."""

    def __init__(self, stem):
        self.cert = stem + '.pem'
        self.key = stem + '.key'


class Authority:
    """A certificate authority that nobody but the test trusts; close() it.

    cafile: what a client is told to trust.
    """

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix='sqbox-ca-')
        self.own = Certificate(os.path.join(self.dir, 'ca'))
        self.cafile = self.own.cert
        try:
            self._request(self.own, '/CN=a test authority')
        except FileNotFoundError:
            raise AssertionError('the openssl program is not installed')
        os.chmod(self.dir, 0o755)

    @staticmethod
    def _request(certificate, subject, *options):
        subprocess.run(
            ['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
             'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj',
             subject, *options, '-out', certificate.cert, '-keyout',
             certificate.key], check=True, capture_output=True)

    def issue(self, name):
        """For a server of that name: 'DNS:localhost', 'IP:127.0.0.1'."""
        certificate = Certificate(os.path.join(self.dir,
                                               name.replace(':', '-')))
        self._request(certificate, '/CN=a test server',
                      '-CA', self.own.cert, '-CAkey', self.own.key,
                      '-addext', f'subjectAltName={name}',
                      '-addext', 'basicConstraints=critical,CA:FALSE')
        return certificate

    def close(self):
        shutil.rmtree(self.dir)
