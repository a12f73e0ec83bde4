"""What well-known packages from elsewhere are for: importing one of these is the use.

A package is named by how it is imported. Its modules count like itself, because a client library
can do what it is for through any of them.
"""

from __future__ import annotations

from collections.abc import Mapping

_PURPOSES = {
    # Databases, brokers, directories and other machines, over a connection of their own.
    "net.socket": """
    MySQLdb aiomysql aiopg aiomqtt aiosmtplib amqp asyncpg bleak bluetooth cassandra
    clickhouse_driver confluent_kafka couchdb cx_Oracle dns exchangelib gmqtt hdfs icmplib
    imap_tools imapclient impacket irc kafka kazoo kombu ldap ldap3 motor mysql napalm nats neo4j
    netmiko nmap oracledb paho pcapy pika ping3 psycopg psycopg2 puresnmp pyghmi pymongo pymssql
    pymysql pyodbc pyshark pysftp pysnmp rpyc scapy scp smb smbclient smbprotocol socketio socks
    sshtunnel stem stomp whois yagmail
    """,
    # Web services.
    "net.http": """
    aiogram atproto azure boto botocore cloudscraper consul dataset_downloader discord
    discord_webhook dropbox elasticsearch firebase_admin gdown github gitlab googleapiclient
    gspread hvac instaloader kubernetes kubernetes_asyncio localtunnel mailchimp mastodon
    mechanicalsoup minio nextcord opensearchpy openstack playwright praw pushbullet pyngrok
    pyppeteer pyrebase pyrogram pytube requests_html requests_toolbelt requests_unixsocket s3fs
    selenium sendgrid slack slack_bolt slack_sdk slackclient splinter telebot telegram telethon
    tweepy twilio vonage vt youtube_dl yt_dlp
    """,
    "net.listen": "aiosmtpd gradio hypercorn impacket.smbserver waitress",
    "process.start": """
    ansible_runner comtypes crontab docker git podman plumbum pythoncom pywinauto sarge
    servicemanager vagrant win32com win32service win32serviceutil wmi
    """,
    "process.signal": "psutil",
    "native.load": "frida keystone pydivert pymem ptrace unicorn winappdbg",
    # What a person types, copies, sees and says, and what programs remember of it.
    "sensitive-path.secrets": """
    browser_history browsercookie clipboard d3dshot dxcam evdev keyrings mouse picamera pyaudio
    pyautogui pyscreenshot pyscreeze pyxhook rookiepy uinput win32clipboard
    """,
    # Devices that are plugged in.
    "sensitive-path.system": "hid pyudev serial smbus usb",
    "dynamic-code.run": """
    asteval dukpy execjs js2py lupa py_mini_racer pyduktape quickjs
    """,
    "deserialise.pickle": "hickle jsonpickle klepto",
    "fs-write.write": "pyAesCrypt pyminizip",
}
PACKAGES: Mapping[str, str] = {
    name: rule for rule, names in _PURPOSES.items() for name in names.split()
}

# Rows for the table of names in `sinks`: what some of a larger package's names do.
NAMES = """
dynamic-code.load: pkg_resources load_entry_point run_script; pkg_resources.EntryPoint.parse()
  load; stevedore DriverManager ExtensionManager; torch.utils.cpp_extension load load_inline

dynamic-code.run: IPython embed start_ipython; django.template Engine Template; flask
  render_template_string; jinja2.Environment() compile_expression from_string;
  jinja2.nativetypes.NativeEnvironment() from_string; numpy.f2py compile; pandas.DataFrame() eval
  query; pandas.read_csv() eval query; quart render_template_string; simpleeval simple_eval;
  sympy S parse_expr sympify; sympy.parsing.sympy_parser parse_expr; tornado.template Template

deserialise.pickle: numpy.lib.format read_array; sklearn.externals.joblib load; tensorflow.keras
  models; tensorflow.saved_model load; mlflow.pyfunc load_model; pickle
  read_pickle; torch.jit load; torch.package
  PackageImporter

fs-write.write: numpy memmap; openpyxl Workbook; torch save; xlsxwriter Workbook

native.load: torch.classes load_library; torch.ops load_library

net.http: datasets load_dataset; kaggle api; huggingface_hub HfApi InferenceClient Repository
  create_repo hf_hub_download snapshot_download upload_file upload_folder; nltk download; openai
  AsyncOpenAI; sentence_transformers SentenceTransformer; transformers pipeline; wandb init

net.listen: aiohttp.web run_app; hypercorn.asyncio serve; twisted.internet reactor;
  twisted.web.server Site; streamlit.web.bootstrap run

net.socket: pandas read_sql read_sql_query; peewee MySQLDatabase PostgresqlDatabase; sqlalchemy
  create_engine;
  sqlalchemy.ext.asyncio create_async_engine; tortoise Tortoise; twisted.internet endpoints

process.start: click edit launch; invoke run

sensitive-path.secrets: dotenv dotenv_values; pandas read_clipboard; pyperclip paste
"""
